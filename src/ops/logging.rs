//! The error log: log and env_logger on stderr.
