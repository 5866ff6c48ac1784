//! Pure CPU work on a run: metrics, layouts, and the twins of the GPU kernels.

pub mod background;
pub mod filter;
pub mod filter_match;
pub mod graph_display;
pub mod graph_search;
pub mod graph_values;
pub mod heat;
pub mod info;
pub mod layout;
mod layout_apart;
mod layout_block;
mod layout_blocks;
mod layout_distances;
pub mod layout_fdg;
pub mod layout_graph;
pub mod layout_start;
pub mod links;
pub mod probe;
pub mod row_axis;
pub mod seeks;
pub mod table_cells;
pub mod table_columns;
pub mod table_groups;
pub mod table_rows;
mod table_sort;
pub mod table_text;
pub mod watch;
