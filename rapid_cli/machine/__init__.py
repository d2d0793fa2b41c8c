"""The machine: processor, GPUs, child processes, network, and hints for what goes wrong there."""
