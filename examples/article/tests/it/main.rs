//! The article's trace: by its library functions in this process, and by two real processes.

mod processes;
mod tree;
