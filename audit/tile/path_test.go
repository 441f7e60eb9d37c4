package tile

import "testing"

func TestPaths(t *testing.T) {
	for _, c := range []struct {
		level int
		n     int64
		width int
		want  string
	}{
		{0, 0, Width, "tile/0/000"},
		{0, 0, 1, "tile/0/000.p/1"},
		{1, 999, Width, "tile/1/999"},
		{1, 1000, Width, "tile/1/x001/000"},
		{2, 1_234_067, Width, "tile/2/x001/x234/067"},
		{63, 1_234_067, 255, "tile/63/x001/x234/067.p/255"},
		{Entries, 1_234_067, Width, "tile/entries/x001/x234/067"},
		{Entries, 0, 112, "tile/entries/000.p/112"},
	} {
		if got := Path(c.level, c.n, c.width); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
		if level, n, width, ok := ParsePath(c.want); !ok || level != c.level || n != c.n || width != c.width {
			t.Errorf("%s is read as %d %d %d %v", c.want, level, n, width, ok)
		}
	}
	for _, bad := range []string{
		"", "tile", "tile/", "tile/0", "tile/0/", "tile/0/0", "tile/0/0000", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/x/000", "tile/+0/000",
		"tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/1/2", "tile/0/000/000", "tile/0/x000/000",
		"tile/0/x001", "tile/0/x001/x234", "tile/0/../000", "tile/0/+00", "tile/0/ 00", "/tile/0/000", "tile//000", "tile/entry/000", "tile/8/0/000",
		"tile/0/x999/x999/x999/x999/x999/x999/x999/999",
	} {
		if level, n, width, ok := ParsePath(bad); ok {
			t.Errorf("%q is read as %d %d %d", bad, level, n, width)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	f.Add("tile/0/x001/x234/067.p/255")
	f.Add("tile/entries/000")
	f.Fuzz(func(t *testing.T, path string) {
		if level, n, width, ok := ParsePath(path); ok && Path(level, n, width) != path {
			t.Errorf("%q becomes %q", path, Path(level, n, width))
		}
	})
}
