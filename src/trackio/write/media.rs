//! Files of a run, laid out as Trackio does: `media/<project>/<run>/<step>/<uuid>.<extension>`,
//! with a typed value in the metrics that names the file (`media/media.py`, `_to_dict`).

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use crate::temporary::{self, Temporary};
use crate::trackio::name::canonical;
use crate::trackio::relative::with_slashes;

/// The folder of files in Trackio's directory.
const FOLDER: &str = "media";

/// File extensions and the type that Trackio gives such files.
const TYPES: &[(&str, &[&str])] = &[
    ("image", &["png", "jpg", "jpeg", "gif", "webp", "bmp", "svg", "tif", "tiff", "avif"]),
    ("video", &["mp4", "webm", "mov", "mkv", "avi"]),
    ("audio", &["wav", "mp3", "ogg", "flac", "m4a"]),
    ("html", &["html", "htm"]),
    ("object3d", &["glb", "gltf", "obj", "stl", "ply", "splat"]),
];

/// The longest header of a PLY file that Trackio reads.
const PLY_HEADER: u64 = 256 << 10;

/// What every vertex of a Gaussian splat has, beside a color.
const SPLAT: &[&str] =
    &["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"];

/// A file that is in its place under `media`; taken away again unless it is kept.
#[derive(Debug)]
pub struct Placed {
    path: PathBuf,
    keep: bool,
    /// What the metrics say about it.
    pub value: Value,
}

impl Placed {
    /// The row that names the file is written.
    pub fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        if !self.keep {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The type of a file by its extension; `None` for one that Trackio does not show.
pub fn kind_of(file: &Path) -> Option<(&'static str, String)> {
    let extension = file.extension()?.to_str()?.to_lowercase();
    let (kind, _) = TYPES.iter().find(|(_, all)| all.contains(&extension.as_str()))?;
    Some((kind, extension))
}

/// The extensions of all types, for an error.
pub fn extensions() -> String {
    let all: Vec<&str> = TYPES.iter().flat_map(|(_, all)| all.iter().copied()).collect();
    all.join(", ")
}

/// Copies a file of this kind and extension to its place under Trackio's directory.
pub fn place(
    directory: &Path,
    mut source: impl Read,
    (kind, extension): (&str, &str),
    of: (&str, &str, &str),
    caption: Option<&str>,
) -> io::Result<Placed> {
    let (project, run, step) = of;
    let unfit = |reason: &str| io::Error::new(io::ErrorKind::InvalidInput, reason.to_owned());
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    if run.is_empty() || run.contains('\0') || !Path::new(run).components().all(is_plain) {
        return Err(unfit("the run's name would lead out of Trackio's media directory"));
    }
    let media = directory.join(FOLDER);
    let folder = media.join(canonical(project)).join(run).join(step);
    fs::create_dir_all(&folder)?;
    // A link among the folders could lead elsewhere.
    if !folder.canonicalize()?.starts_with(media.canonicalize()?) {
        return Err(unfit("the run's folder leads out of Trackio's media directory"));
    }
    let path = folder.join(format!("{}.{extension}", uuid::Uuid::new_v4()));
    let relative = path.strip_prefix(&media).map_err(io::Error::other)?;
    let mut value = json!({
        "_type": format!("trackio.{kind}"),
        "file_path": with_slashes(relative),
        "caption": caption,
    });
    let mut head = Vec::new();
    if kind == "object3d" {
        source.by_ref().take(PLY_HEADER).read_to_end(&mut head)?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("format".into(), extension.into());
            fields.insert("kind".into(), shape_of(&head, extension).into());
        }
    }
    // Not in the run's folder: what a kill leaves is looked for in one place.
    let mut copy = Temporary::new_in(&media)?;
    io::copy(&mut head.as_slice().chain(source), &mut copy)?;
    copy.persist(&path)?;
    readable(&path)?;
    Ok(Placed { path, keep: false, value })
}

/// Removes the copies that writers have left which were killed.
pub fn clear(directory: &Path) {
    temporary::clear(&directory.join(FOLDER));
}

/// A dashboard of another user may show it, as it may show Trackio's own files.
#[cfg(unix)]
fn readable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Trackio's word for what a 3D file holds, by its beginning.
fn shape_of(head: &[u8], extension: &str) -> &'static str {
    match extension {
        "splat" => return "gaussian_splat",
        "ply" => {}
        _ => return "mesh",
    }
    let text = String::from_utf8_lossy(head);
    let header = text.split("end_header").next().unwrap_or_default();
    let has_faces = header.lines().any(|line| {
        let count = line.strip_prefix("element face ").and_then(|count| count.trim().parse().ok());
        count.is_some_and(|count: u64| count > 0)
    });
    let has = |names: &[&str]| {
        names.iter().all(|name| header.lines().any(|line| line.ends_with(&format!(" {name}"))))
    };
    let has_color = has(&["f_dc_0", "f_dc_1", "f_dc_2"]) || has(&["red", "green", "blue"]);
    if has(SPLAT) && has_color {
        return "gaussian_splat";
    }
    if has_faces { "mesh" } else { "point_cloud" }
}
