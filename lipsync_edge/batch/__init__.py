"""Many jobs on one machine: a manifest's rows, made by worker processes, with results that a later run goes on from."""
