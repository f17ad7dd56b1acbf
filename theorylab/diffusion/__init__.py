"""The mathematics: pure functions on tensors. No files, no printing, no global random state."""
