//! The filter as a whole, over plain data.
