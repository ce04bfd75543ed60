"""How good the dubbed mouth is: dubs with a stranger's voice, figures with controls, and pictures to look at."""
