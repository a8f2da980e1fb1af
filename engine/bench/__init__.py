"""What a pass costs and what speculation buys, on this machine, as ratios within one run."""
