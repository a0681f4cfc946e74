"""The data sets that have a name: `table.DATASETS` has an entry each, of facts and a reader."""
