#!/usr/bin/env bash
# Makes a release of a tag, and a site of all releases: publish.sh TAG BOOK SITE, with the book's pages in BOOK.
# The latest version is at the top of the site, and every version in a folder of its name, where it stays.
# Each comes back from its release, of which the pages, the PDF, the notebooks and the package are the assets.
set -euo pipefail
tag=$1 book=$2 site=$3
work=$(mktemp --directory)
remote=$(git remote get-url origin)

assets=$work/assets
mkdir "$assets"
(cd "$book" && python3 -m zipfile --create "$assets/natural-gradients-$tag-html.zip" .)
cp "$book/natural-gradients.pdf" "$assets/natural-gradients-$tag.pdf"
cp "$book/notebooks.zip" "$assets/natural-gradients-$tag-notebooks.zip"
cp "$book"/natgrad-*.whl "$assets"
gh release view "$tag" > /dev/null 2>&1 || gh release create "$tag" --verify-tag --title "Version ${tag#v}" --notes "The book and its package, version ${tag#v}."
gh release upload "$tag" --clobber "$assets"/*

# What Colab and Binder open: the plain notebooks, beside the package that they use.
notebooks=$work/notebooks
mkdir --parents "$notebooks/binder"
python3 -m zipfile --extract "$book/notebooks.zip" "$notebooks/chapters"
wheel=$(basename "$book"/natgrad-*.whl)
echo "./chapters/$wheel[chapters]" > "$notebooks/binder/requirements.txt"
echo "python-3.13" > "$notebooks/binder/runtime.txt"
git -C "$notebooks" init --quiet
git -C "$notebooks" add .
git -C "$notebooks" -c user.name=natgrad -c user.email=natgrad@users.noreply.github.com \
    commit --quiet --message "The notebooks of version ${tag#v}"
git -C "$notebooks" push --quiet --force "$remote" "HEAD:refs/tags/notebooks-$tag"

cp --recursive "$book/." "$site"
for version in $(gh release list --limit 1000 --json tagName --jq '.[].tagName'); do
    gh release download "$version" --pattern "natural-gradients-$version-html.zip" --dir "$work"
    python3 -m zipfile --extract "$work/natural-gradients-$version-html.zip" "$site/$version"
done
