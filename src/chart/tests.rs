//! Pictures are decoded and looked at.
