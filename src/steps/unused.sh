# step_unused PATH: a cached binary and its folder, unless a manifest on this host still names its checksum.
step_unused() {
  unused=${1%/*}
  [ -d "$unused" ] || return 0
  ! grep -qsF "${unused##*/}" "$lib"/*/*/manifest.json || return 0
  rm -rf -- "$unused" || return 1
  return 10
}
