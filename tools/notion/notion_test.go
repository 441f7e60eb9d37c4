package notion

import (
	"testing"

	"toolvault/tools/toolstest"
)

func TestSchemasFit(t *testing.T) { toolstest.FitsSchemas(t, New()) }

func TestSizes(t *testing.T) { toolstest.Sizes(t, New(), 600) }
