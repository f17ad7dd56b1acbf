import os

from theorylab import engine


def test_forked_workers_see_the_environment_of_their_own_run(monkeypatch):
    engine.warm_up()  # what they are forked from has the environment of now
    monkeypatch.setenv("THEORYLAB_PROBE", "set later")
    with engine.engine(2) as cluster:
        probe = cluster._client.submit(os.getenv, "THEORYLAB_PROBE", pure=False)
        threads = cluster._client.submit(os.getenv, "OMP_NUM_THREADS", pure=False)
        assert (probe.result(), threads.result()) == ("set later", "1")


def test_an_engine_leaves_the_environment_and_dask_s_settings_as_they_were():
    import dask

    before = dict(os.environ), dask.config.get("distributed.worker.multiprocessing-method")
    with engine.engine(2):
        pass
    assert before == (
        dict(os.environ),
        dask.config.get("distributed.worker.multiprocessing-method"),
    )
