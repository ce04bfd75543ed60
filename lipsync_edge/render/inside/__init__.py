"""The inside of a mouth that no picture shows: teeth, tongue and dark as layers that stay with head and jaw."""
