//! The pieces of the pages of images, one per file.

mod delete_dialog;
mod example_list;
mod facts;
mod gallery_bar;
mod image_actions;
mod image_tile;
mod image_view;
mod make_button;
mod make_form;
mod more_options;
mod number_picker;
mod ratio_picker;
mod stage;
mod tile_grid;
mod tile_keys;
mod waiting;

pub use delete_dialog::DeleteImagesDialog;
pub use gallery_bar::GalleryBar;
pub use image_view::ImagePage;
pub use make_form::MakeForm;
pub use more_options::OptionFields;
pub use tile_grid::TileGrid;
pub use tile_keys::{find_tile, move_to};
pub use waiting::seconds;
