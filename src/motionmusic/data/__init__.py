"""Where dances come from: readers, downloads, skeletons, splits, the leak audit."""
