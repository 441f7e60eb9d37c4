package grafana

import (
	"image"
	"image/color"
	"image/png"
	"math"
	"net/http"
	"strconv"
)

// render is the image renderer: a real PNG of the size that was asked for, with a
// curve on it.
func (g *grafana) render(w http.ResponseWriter, r *http.Request, c caller) {
	q := r.URL.Query()
	width, err1 := strconv.Atoi(q.Get("width"))
	height, err2 := strconv.Atoi(q.Get("height"))
	switch {
	case g.NoRenderer:
		said(w, http.StatusInternalServerError, "Rendering failed")
		return
	case g.board(c.org, r.PathValue("id")) == nil:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusNotFound)
		return
	case err1 != nil || err2 != nil || width < 10 || height < 10 || width > 3000 || height > 3000:
		said(w, http.StatusBadRequest, "Render parameters error")
		return
	}
	paper, ink := color.RGBA{255, 255, 255, 255}, color.RGBA{50, 116, 217, 255}
	if q.Get("theme") != "light" {
		paper = color.RGBA{24, 27, 31, 255}
	}
	img := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{paper, ink})
	for x := range width {
		y := float64(height)/2 - float64(height)/3*math.Sin(float64(x)/float64(width)*6)
		for dy := range 3 {
			img.SetColorIndex(x, int(y)+dy, 1)
		}
	}
	w.Header().Set("Content-Type", "image/png")
	_ = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, img)
}
