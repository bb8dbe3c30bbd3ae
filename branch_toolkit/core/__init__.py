"""What decides: pure values and functions. No Dagster, no driver, no HTTP, no clock."""
