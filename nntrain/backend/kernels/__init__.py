"""Fast paths, one folder a kind of device. Deleting this folder leaves a correct, slower tool."""
