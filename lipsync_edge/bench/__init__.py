"""How fast this machine is: every preset, device and precision that really loads, each in a process of its own."""
