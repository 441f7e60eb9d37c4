package googlecalendar

import (
	"testing"

	"toolvault/tools/toolstest"
)

func TestFitsSchemas(t *testing.T) { toolstest.FitsSchemas(t, New()) }

func TestSizes(t *testing.T) { toolstest.Sizes(t, New(), 600) }
