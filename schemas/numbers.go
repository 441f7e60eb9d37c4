package schemas

import (
	"encoding/json"
	"strconv"
	"strings"
)

// plainIntegers writes whole numbers the way a program reads them: 1.0 and 1e1
// are integers in JSON Schema (2020-12, section 4.2.3), and no Go integer.
func plainIntegers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = plainIntegers(x)
		}
	case []any:
		for i, x := range v {
			v[i] = plainIntegers(x)
		}
	case json.Number:
		if !strings.ContainsAny(string(v), ".eE") {
			return v
		}
		const exact = 1 << 53 // beyond, a float64 does not hold every integer
		f, err := v.Float64()
		if n := int64(f); err == nil && f > -exact && f < exact && float64(n) == f {
			return json.Number(strconv.FormatInt(n, 10))
		}
	}
	return v
}
