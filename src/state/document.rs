//! The run that is looked at, with what is worked out from it once.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::analysis::first_touch::FirstTouch;
use crate::analysis::links::{Item, Links, Seen};
use crate::analysis::op_index::OpIndex;
use crate::trace::tracks::{self, HeatTables, TrackLayout};
use crate::trace::{Trace, Track};

/// A run and its tracks. Cheap to share, never changed.
pub struct Document {
    /// No other document of this session has it: what is worked out of a document is told apart by it, since another may
    /// take the place in memory of one that is gone.
    pub number: u64,
    pub path: PathBuf,
    pub trace: Arc<Trace>,
    /// False while this is the first part of a run that is still being read.
    pub complete: bool,
    pub heat_tables: HeatTables,
    layouts: [[OnceLock<TrackLayout>; 3]; 2],
    op_index: OnceLock<OpIndex>,
    touched: OnceLock<FirstTouch>,
}

impl Document {
    pub fn new(path: PathBuf, trace: Arc<Trace>, complete: bool) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let heat_tables = HeatTables::new(&trace);
        let (op_index, touched) = (OnceLock::new(), OnceLock::new());
        Self { number, path, trace, complete, heat_tables, layouts: Default::default(), op_index, touched }
    }

    /// The track in an order, worked out when first asked for.
    pub fn layout(&self, track: Track, order: tracks::Order) -> &TrackLayout {
        self.layouts[track as usize][order as usize].get_or_init(|| TrackLayout::new(&self.trace, track, order))
    }

    /// Both tracks as shown: only the model file can be re-ordered, buffers reuse their bytes.
    pub fn layouts(&self, order: tracks::Order) -> [&TrackLayout; 2] {
        [self.layout(Track::Disk, order), self.layout(Track::Buffer, tracks::Order::File)]
    }

    /// Where ops of layers and nodes are, worked out when first asked for.
    pub fn op_index(&self) -> &OpIndex {
        self.op_index.get_or_init(|| OpIndex::new(&self.trace))
    }

    /// Where ranges of bytes are touched first, worked out when first asked for.
    pub fn touched(&self) -> &FirstTouch {
        self.touched.get_or_init(|| FirstTouch::new(&self.trace))
    }

    /// What belongs to `item` where a graph and an order are shown and `phases`, a set of phase bits, count.
    pub fn links(&self, item: Item, graph: u32, order: tracks::Order, phases: u32) -> Links {
        let seen = Seen { graph, layouts: self.layouts(order), index: &self.op_index, touched: &self.touched, phases };
        Links::of(&self.trace, item, &seen)
    }

    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }
}
