//! `get_traces`: conversations and the work of agents that a training logged.
