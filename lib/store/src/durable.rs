//! The object store under Delta and Parquet: every put, copy, rename and multipart completion is on disk - file and
//! folder - before it is acknowledged. The stock local store never syncs.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, RenameTargetMode, Result, UploadPart,
};
use qx_formats::Kind;
use qx_io::Publish;

/// A folder as an object store whose writes are durable when they return.
#[derive(Debug, Clone)]
pub struct DurableStore {
    inner: Arc<LocalFileSystem>,
}

impl fmt::Display for DurableStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DurableStore({})", self.inner)
    }
}

fn failed(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "DurableStore", source: e.into() }
}

fn translate(e: qx_formats::Error, path: &FsPath) -> Error {
    let path = path.display().to_string();
    match (e.kind(), e.io_kind()) {
        (Kind::Exists, _) => Error::AlreadyExists { path, source: e.into() },
        (_, Some(std::io::ErrorKind::NotFound)) => Error::NotFound { path, source: e.into() },
        _ => failed(e),
    }
}

/// Creates the folder of `path`, with a durable name.
fn ensure_parent(path: &FsPath) -> qx_formats::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    qx_io::create_dir_all(parent).map_err(|e| qx_formats::Error::io("create folder", e).path(parent))
}

fn write_payload(path: &FsPath, mode: Publish, payload: &PutPayload) -> qx_formats::Result<()> {
    ensure_parent(path)?;
    qx_io::publish(path, mode, |out| {
        for part in payload {
            out.write_all(part).map_err(|e| qx_formats::Error::io("write", e))?;
        }
        Ok(())
    })
}

async fn blocking<T: Send + 'static>(f: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(f).await.map_err(failed)?
}

impl DurableStore {
    /// # Errors
    /// Those of the folder.
    pub fn new(root: &FsPath) -> Result<Self> {
        Ok(DurableStore { inner: Arc::new(LocalFileSystem::new_with_prefix(root)?) })
    }

    /// The whole file system: Delta tables are addressed by their full path inside it.
    pub fn filesystem() -> Self {
        DurableStore { inner: Arc::new(LocalFileSystem::new()) }
    }

    fn fs_path(&self, location: &Path) -> Result<PathBuf> {
        self.inner.path_to_filesystem(location)
    }
}

#[async_trait]
impl ObjectStore for DurableStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let mode = match opts.mode {
            PutMode::Overwrite => Publish::Replace,
            PutMode::Create => Publish::New,
            PutMode::Update(_) => {
                return Err(Error::NotImplemented {
                    operation: "put if unchanged".into(),
                    implementer: self.to_string(),
                });
            }
        };
        let path = self.fs_path(location)?;
        blocking(move || write_payload(&path, mode, &payload).map_err(|e| translate(e, &path))).await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(&self, location: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Upload { path: self.fs_path(location)?, parts: Vec::new() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<bytes::Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |location: Result<Path>| {
            let store = store.clone();
            async move {
                let location = location?;
                let path = store.fs_path(&location)?;
                blocking(move || remove(&path).map_err(|e| translate(e, &path))).await?;
                Ok(location)
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix).filter(|m| futures::future::ready(!m.as_ref().is_ok_and(is_temporary))).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut result = self.inner.list_with_delimiter(prefix).await?;
        result.objects.retain(|m| !is_temporary(m));
        Ok(result)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (from, to) = (self.fs_path(from)?, self.fs_path(to)?);
        let mode = match options.mode {
            CopyMode::Overwrite => Publish::Replace,
            CopyMode::Create => Publish::New,
        };
        blocking(move || copy(&from, &to, mode).map_err(|e| translate(e, &to))).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let (from, to) = (self.fs_path(from)?, self.fs_path(to)?);
        let create = matches!(options.target_mode, RenameTargetMode::Create);
        blocking(move || rename(&from, &to, create).map_err(|e| translate(e, &to))).await
    }
}

/// Temporary files of [`qx_io::publish`] are not objects.
fn is_temporary(meta: &ObjectMeta) -> bool {
    meta.location.filename().is_some_and(|name| name.starts_with('.') && name.contains(".tmp-"))
}

fn copy(from: &FsPath, to: &FsPath, mode: Publish) -> qx_formats::Result<()> {
    ensure_parent(to)?;
    let mut source = File::open(from).map_err(|e| qx_formats::Error::io("read", e).path(from))?;
    qx_io::publish(to, mode, |out| {
        std::io::copy(&mut source, out).map(|_| ()).map_err(|e| qx_formats::Error::io("copy", e))
    })
}

fn rename(from: &FsPath, to: &FsPath, create: bool) -> qx_formats::Result<()> {
    ensure_parent(to)?;
    let done = if create { qx_io::rename_new(from, to) } else { qx_io::rename(from, to) };
    done.map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => qx_formats::Error::new(Kind::Exists, "the target is already there"),
        _ => qx_formats::Error::io("rename", e).path(from),
    })?;
    sync_parent(to)?;
    sync_parent(from)
}

/// A file that comes back after a crash is one that nothing names: its folder need not be synced.
fn remove(path: &FsPath) -> qx_formats::Result<()> {
    qx_io::remove_file(path).map_err(|e| qx_formats::Error::io("remove", e).path(path))
}

fn sync_parent(path: &FsPath) -> qx_formats::Result<()> {
    path.parent().map_or(Ok(()), qx_io::sync_dir)
}

/// A multipart upload. Parts are held until completion: delta-rs cuts files at its target size, which bounds them.
#[derive(Debug)]
struct Upload {
    path: PathBuf,
    parts: Vec<PutPayload>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.push(data);
        Box::pin(futures::future::ready(Ok(())))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let parts = std::mem::take(&mut self.parts);
        let path = self.path.clone();
        let payload: PutPayload = parts.into_iter().flatten().collect();
        blocking(move || write_payload(&path, Publish::Replace, &payload).map_err(|e| translate(e, &path))).await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;

    use std::fs;

    use super::*;

    #[tokio::test]
    async fn create_refuses_to_replace_and_leaves_no_temporary_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = DurableStore::new(dir.path()).unwrap();
        let at = Path::from("_delta_log/00000000000000000000.json");
        let create = || PutOptions { mode: PutMode::Create, ..Default::default() };
        store.put_opts(&at, PutPayload::from_static(b"one"), create()).await.unwrap();
        let again = store.put_opts(&at, PutPayload::from_static(b"two"), create()).await;
        assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{again:?}");
        assert_eq!(store.get(&at).await.unwrap().bytes().await.unwrap().as_ref(), b"one");
        assert_eq!(fs::read_dir(dir.path().join("_delta_log")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn copy_rename_and_multipart_keep_the_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let store = DurableStore::new(dir.path()).unwrap();
        let (a, b, c) = (Path::from("x/a"), Path::from("y/b"), Path::from("z/c"));
        let mut up = store.put_multipart(&a).await.unwrap();
        up.put_part(PutPayload::from_static(b"he")).await.unwrap();
        up.put_part(PutPayload::from_static(b"llo")).await.unwrap();
        up.complete().await.unwrap();
        store.copy(&a, &b).await.unwrap();
        assert!(matches!(store.rename_if_not_exists(&a, &b).await, Err(Error::AlreadyExists { .. })));
        store.rename(&b, &c).await.unwrap();
        assert!(matches!(store.get(&b).await, Err(Error::NotFound { .. })));
        assert_eq!(store.get(&c).await.unwrap().bytes().await.unwrap().as_ref(), b"hello");
    }
}
