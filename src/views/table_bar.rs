//! The bar above the table's rows: the filter as one can see and change it, how many rows there are, and where to go.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Button, PopupCloseBehavior, Rect, TextEdit, Ui};

use super::table_conditions::{Edit, chips, shorten};
use super::table_engine::TableEngine;
use super::{ViewContext, describe};
use crate::analysis::filter::Filter;
use crate::analysis::table_columns::Column;
use crate::analysis::table_text::RowFormat;
use crate::state::table_choices::{GroupOrder, Place, TableState};
use crate::state::{Action, Document};
use crate::units;

/// What is being typed.
#[derive(Default)]
pub struct TableBar {
    text: String,
    /// The filter's text when the field was last in step with it.
    text_of: String,
    place: String,
    problem: Option<String>,
}

/// What the bar asks for that is no Action.
#[derive(Default)]
pub struct BarWish {
    pub open_filter: Option<(Column, Rect)>,
    /// A dialog for where to write rows.
    pub export: Option<RowFormat>,
}

impl TableBar {
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        cx: &mut ViewContext<'_>,
        engine: &TableEngine,
        document: &Document,
        [focus_search, focus_place]: [bool; 2],
    ) -> BarWish {
        let mut wish = BarWish::default();
        ui.horizontal(|ui| {
            self.text_field(ui, cx, focus_search);
            if let Some(groups) = engine.shown().and_then(|shown| shown.groups.as_ref()) {
                ui.label(format!("{} groups,", units::count(groups.groups.len() as u64)));
            }
            let shown = engine.shown().map_or(0, |shown| shown.rows.len()) as u64;
            let all = units::count(document.trace.op_count() as u64);
            ui.label(format!("{} of {all} ops", units::count(shown)));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                self.place_field(ui, cx, focus_place);
                rows_menu(ui, cx, &mut wish);
                group_menu(ui, cx);
                columns_menu(ui, cx);
            });
        });
        let problem = self.problem.as_ref().or(engine.fault.as_ref());
        if let Some(problem) = problem {
            ui.colored_label(ui.visuals().error_fg_color, problem);
        }
        self.conditions(ui, cx, document, &mut wish);
        wish
    }

    fn text_field(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, focus: bool) {
        // A filter set elsewhere replaces what is typed here.
        if self.text_of != cx.state.filter.text {
            self.text.clone_from(&cx.state.filter.text);
            self.text_of.clone_from(&cx.state.filter.text);
        }
        let label = ui.label("filter");
        let field = TextEdit::singleline(&mut self.text).hint_text("op or tensor  Ctrl+F").desired_width(150.0);
        let edit = ui.add(field).labelled_by(label.id);
        if focus {
            edit.request_focus();
        }
        if edit.changed() {
            self.text_of.clone_from(&self.text);
            cx.act(Action::SetFilter { filter: Filter { text: self.text.clone(), ..cx.state.filter.clone() } });
        }
        let mut regex = cx.state.filter.regex;
        let hint = "regular expression, upper and lower case alike";
        let toggle = ui.toggle_value(&mut regex, ".*");
        toggle.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, regex, "Regular expression"));
        if toggle.on_hover_text(hint).changed() {
            cx.act(Action::SetFilter { filter: Filter { regex, ..cx.state.filter.clone() } });
        }
    }

    /// Where to go: an op, a row, a pass or a time.
    fn place_field(&mut self, ui: &mut Ui, cx: &mut ViewContext<'_>, focus: bool) {
        let field = TextEdit::singleline(&mut self.place).hint_text("go to  Ctrl+G").desired_width(86.0);
        let edit = ui.add(field);
        edit.widget_info(|| {
            let mut info = egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Go to");
            info.current_text_value = Some(self.place.clone());
            info
        });
        if focus {
            edit.request_focus();
        }
        if edit.changed() {
            self.problem = None;
        }
        if edit.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter)) && !self.place.trim().is_empty() {
            match Place::parse(&self.place) {
                Ok(place) => {
                    cx.act(Action::GoTo { place });
                    self.place.clear();
                }
                Err(problem) => self.problem = Some(problem),
            }
        }
        edit.on_hover_text("1234: an op   row 20   pass 3   1.5 ms: the op that runs then");
    }

    /// Every condition with a way to change and to remove it, and what the selection would add.
    fn conditions(&self, ui: &mut Ui, cx: &mut ViewContext<'_>, document: &Document, wish: &mut BarWish) {
        let chips = chips(document, &cx.state.filter);
        let offer = cx.state.links.filter.as_ref().map(|offer| cx.state.filter.with(offer));
        let offer = offer.filter(|filter| *filter != cx.state.filter);
        if chips.is_empty() && offer.is_none() && cx.state.phase.is_none() {
            return;
        }
        ui.horizontal_wrapped(|ui| {
            if let Some(phase) = cx.state.phase {
                let text = format!("{} only", phase.label());
                let remove = ui.button(format!("{text}  \u{2716}")).on_hover_text("both phases, in all views");
                if remove.clicked() {
                    cx.act(Action::SetPhase { phase: None });
                }
            }
            for chip in chips {
                ui.scope(|ui| {
                    ui.spacing_mut().item_spacing.x = 1.0;
                    if let Some(edit) = &chip.edit {
                        let response = ui.button(&chip.text);
                        let name = format!("edit: {}", chip.text);
                        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
                        match (response.clicked(), edit) {
                            (true, Edit::Column(column)) => wish.open_filter = Some((*column, response.rect)),
                            (true, Edit::Select(item)) => cx.select_item(*item),
                            (false, _) => {}
                        }
                    } else {
                        ui.label(&chip.text);
                    }
                    let remove = ui.button("\u{2716}");
                    let name = format!("{}  \u{2716}", chip.text);
                    remove.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
                    if remove.on_hover_text("remove this condition").clicked() {
                        cx.act(Action::SetFilter { filter: chip.without });
                    }
                });
            }
            if let Some(filter) = offer {
                let title = cx.state.selection.map_or_else(String::new, |item| describe::title(document, item));
                let title = shorten(title.trim(), 34);
                if ui
                    .button(format!("+ only {title}"))
                    .on_hover_text("list only the ops of the selection  Ctrl+Enter")
                    .clicked()
                {
                    cx.act(Action::SetFilter { filter });
                }
            }
        });
    }
}

/// A menu that stays open while choices are made in it.
fn menu(ui: &mut Ui, title: &str, content: impl FnOnce(&mut Ui)) {
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    MenuButton::new(title).config(config).ui(ui, content);
}

fn columns_menu(ui: &mut Ui, cx: &mut ViewContext<'_>) {
    menu(ui, "Columns", |ui| {
        let shown = &cx.state.table.columns;
        for column in Column::ALL {
            let mut on = shown.iter().any(|known| known.column == column);
            if ui.checkbox(&mut on, column.name()).changed() {
                let mut columns = shown.clone();
                match on {
                    // Beside the one that it stands beside in the list of all.
                    true => {
                        let before = columns.iter().position(|known| known.column > column).unwrap_or(columns.len());
                        columns.insert(before, column.into());
                    }
                    false => columns.retain(|known| known.column != column),
                }
                if !columns.is_empty() {
                    cx.act(Action::SetColumns { columns });
                }
            }
        }
        ui.separator();
        if ui.button("All, in their usual order").clicked() {
            cx.act(Action::SetColumns { columns: TableState::default().columns });
        }
    });
}

fn group_menu(ui: &mut Ui, cx: &mut ViewContext<'_>) {
    let now = cx.state.table.group.map(|grouping| grouping.column);
    let title = now.map_or_else(|| "Group".to_owned(), |column| format!("Group: {}", column.name()));
    menu(ui, &title, |ui| {
        let columns = Column::ALL.into_iter().filter(|column| column.can_group());
        for column in std::iter::once(None).chain(columns.map(Some)) {
            let label = column.map_or("single ops", Column::name);
            if ui.radio(now == column, label).clicked() {
                cx.act(Action::GroupBy { column, order: GroupOrder::default(), down: false });
                ui.close();
            }
        }
    });
}

fn rows_menu(ui: &mut Ui, cx: &mut ViewContext<'_>, wish: &mut BarWish) {
    menu(ui, "Export", |ui| {
        ui.set_min_width(150.0);
        for format in RowFormat::ALL {
            let name = format.name().to_uppercase();
            if ui.button(format!("Rows as {name}\u{2026}")).clicked() {
                wish.export = Some(format);
                ui.close();
            }
        }
        ui.separator();
        for format in RowFormat::ALL {
            let keys = if format == RowFormat::Tsv { "Ctrl+C" } else { "" };
            let button = Button::new(format!("Copy as {}", format.name().to_uppercase())).shortcut_text(keys);
            if ui.add(button).clicked() {
                cx.act(Action::CopyRows { format });
                ui.close();
            }
        }
        ui.separator();
        export_by_path(ui, cx);
    });
}

/// A field for the path of a file: servers seen over VNC seldom have a file dialog.
fn export_by_path(ui: &mut Ui, cx: &mut ViewContext<'_>) {
    let id = ui.scope_id().with("path of rows");
    let mut path: String = ui.data_mut(|data| data.get_temp(id).unwrap_or_default());
    let label = ui.label("or type a file's path, then Enter");
    let edit = ui.add(TextEdit::singleline(&mut path).hint_text("rows.csv").desired_width(220.0)).labelled_by(label.id);
    if edit.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter)) && !path.trim().is_empty() {
        let extension = path.trim().rsplit('.').next().unwrap_or_default().to_lowercase();
        let format = RowFormat::ALL.into_iter().find(|format| format.name() == extension).unwrap_or(RowFormat::Csv);
        cx.act(Action::ExportRows { path: path.trim().into(), format });
        ui.close();
    }
    ui.data_mut(|data| data.insert_temp(id, path));
}
