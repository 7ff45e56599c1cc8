package messaging

import (
	"fmt"
	"strings"
)

// settingPartitions stands for a topic's number of partitions, which is no setting
// that can be altered.
const settingPartitions = "partitions"

// TopicFaults are all the reasons not to use the topics as they are.
type TopicFaults struct {
	Faults []TopicFault
}

func (e *TopicFaults) Error() string {
	var b strings.Builder
	b.WriteString("the Kafka topics are not set up for what this service promises:")
	for _, f := range e.Faults {
		fmt.Fprintf(&b, "\n  %s\n    %s", f, f.WayOut())
	}
	return b.String()
}

// TopicFault is something about a topic that would break a promise.
type TopicFault struct {
	Brokers []string // that were asked
	Topic   string
	Setting string // its name in Kafka, or "partitions"
	Have    string
	Want    string // one value that would do
	Why     string
}

func (f TopicFault) String() string {
	return fmt.Sprintf("topic %s has %s=%s, not %s: %s", f.Topic, f.Setting, f.Have, f.Want, f.Why)
}

// WayOut says what to do about it; a command ready to be run where there is one.
func (f TopicFault) WayOut() string {
	if f.Setting == settingPartitions {
		return "set mq.partitions to " + f.Have + ", or use new topics"
	}
	return fmt.Sprintf("kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s --add-config %s=%s",
		strings.Join(f.Brokers, ","), f.Topic, f.Setting, f.Want)
}
