//! What goes into the kernels and their CPU twins and what comes out: plain numbers, shared by `analysis` and `gpu`.

pub mod graph_view;
pub mod heat;
pub mod layout;
