package config

import "time"

// setting ties one key to its place in a Config.
type setting struct {
	key    string
	secret bool
	set    setter
}

// settings is the whole of what can be set: every key, where its value goes and
// what it accepts. Files, variables, hints and tests all follow this table, and
// config.yml documents it.
func settings(c *Config) []setting {
	const (
		kib = 1 << 10
		mib = 1 << 20
		tib = 1 << 40
	)
	return []setting{
		{key: "app.port", set: whole(&c.App.Port, 0, 65535)},
		{key: "app.page_size", set: whole(&c.App.PageSize, 1, 100)},
		{key: "app.data_dir", set: filled(&c.App.DataDir)},
		{key: "app.role", set: roles(&c.App.Roles)},
		{key: "app.command_wait", set: duration(&c.App.CommandWait, 0, time.Minute)},
		{key: "app.query_wait", set: duration(&c.App.QueryWait, 0, time.Minute)},
		{key: "app.max_body_bytes", set: whole(&c.App.MaxBodyBytes, kib, 64*mib)},
		{key: "app.shutdown_timeout", set: duration(&c.App.ShutdownTimeout, time.Second, 10*time.Minute)},
		{key: "app.log_level", set: logLevel(&c.App.LogLevel)},
		{key: "app.log_format", set: oneOf(&c.App.LogFormat, LogText, LogJSON)},

		{key: "db.host", set: host(&c.DB.Host)},
		{key: "db.port", set: whole(&c.DB.Port, 1, 65535)},
		{key: "db.user", set: filled(&c.DB.User)},
		{key: "db.password", set: text(&c.DB.Password), secret: true},
		{key: "db.database", set: filled(&c.DB.Database)},

		{key: "mq.brokers", set: brokers(&c.MQ.Brokers)},
		{key: "mq.topic", set: topic(&c.MQ.Topic)},
		{key: "mq.partitions", set: whole(&c.MQ.Partitions, 1, 1024)},

		{key: "embedded.kafka_port", set: whole(&c.Embedded.KafkaPort, 0, 65535)},
		{key: "embedded.postgres_port", set: whole(&c.Embedded.PostgresPort, 0, 65535)},

		{key: "projections.rebuild", set: oneOf(&c.Projections.Rebuild, RebuildOffer, RebuildAuto)},

		{key: "spool.max_bytes", set: whole(&c.Spool.MaxBytes, mib, tib)},
	}
}
