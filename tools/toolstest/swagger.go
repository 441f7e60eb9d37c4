package toolstest

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

// document loads a description. One of Swagger 2.0 is made into OpenAPI 3, whose
// paths begin with its base path.
func document(file string) (*openapi3.T, error) {
	var old openapi2.T
	if strings.HasSuffix(file, ".json") {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if json.Unmarshal(b, &old) == nil && strings.HasPrefix(old.Swagger, "2") {
			return fromSwagger(&old)
		}
	}
	return openapi3.NewLoader().LoadFromFile(file)
}

func fromSwagger(old *openapi2.T) (*openapi3.T, error) {
	base := strings.TrimSuffix(old.BasePath, "/")
	paths := map[string]*openapi2.PathItem{}
	for path, item := range old.Paths {
		paths[base+path] = item
	}
	old.Paths = paths
	return openapi2conv.ToV3(old)
}
