"""Whether llama.cpp runs here, tried in a process of its own before it runs in this one."""
