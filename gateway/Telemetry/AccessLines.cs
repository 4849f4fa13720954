using System.Buffers;
using System.Text.Json;
using Mooring.Gateway.Listeners;

namespace Mooring.Gateway.Telemetry;

/// <summary>Turns the loops' records of ended connections into lines of the access log. Runs on the access log's thread.</summary>
internal sealed class AccessLines(GatewayLog log, TimeProvider time)
{
    private readonly ArrayBufferWriter<byte> _buffer = new(4096);
    private Utf8JsonWriter? _json;

    public void Write(ReadOnlySpan<AccessRecord> records)
    {
        var now = time.GetUtcNow();
        var json = _json ??= new Utf8JsonWriter(_buffer, LogSink.Options);
        var count = 0;
        foreach (ref readonly var record in records)
        {
            if (log.WantsAccess())
            {
                count++;
                LogSink.AppendLine(
                    json,
                    _buffer,
                    new AccessEntry
                    {
                        Time = now,
                        Listener = record.Listener.Name,
                        ClientAddress = record.ClientAddress.ToIPAddress(),
                        ClientPort = record.ClientPort,
                        Backend = record.Endpoint?.Backend,
                        Endpoint = record.Endpoint?.Id,
                        ReceivedBytes = record.Received,
                        SentBytes = record.Sent,
                        Duration = TimeSpan.FromMicroseconds(record.DurationMicroseconds),
                        Reason = Name(record.Reason),
                        Proxy = record.Proxy,
                        Tls = record.Tls,
                    }
                );
            }
        }

        if (count > 0)
        {
            // A copy, since the sink writes when it gets to it: one per batch, while this buffer stays.
            log.Access(_buffer.WrittenSpan.ToArray(), count);
            _buffer.ResetWrittenCount();
        }
    }

    /// <summary>As the log names it.</summary>
    internal static string Name(CloseReason reason) =>
        reason switch
        {
            CloseReason.ClientClosed => "client_closed",
            CloseReason.BackendClosed => "backend_closed",
            CloseReason.ClientReset => "client_reset",
            CloseReason.BackendReset => "backend_reset",
            CloseReason.IdleTimeout => "idle_timeout",
            CloseReason.MaxDuration => "max_duration",
            CloseReason.EndpointDrained => "endpoint_drained",
            CloseReason.NoBackend => "no_backend",
            CloseReason.ConnectFailed => "connect_failed",
            CloseReason.HandshakeTimeout => "handshake_timeout",
            CloseReason.Answered => "answered",
            CloseReason.ProtocolError => "protocol_error",
            CloseReason.Drained => "drained",
            CloseReason.DrainDeadline => "drain_deadline",
            CloseReason.Evicted => "evicted",
            CloseReason.Resources => "resources",
            CloseReason.ProxyHeader => "proxy_header",
            CloseReason.Refused => "refused",
            CloseReason.TlsFailed => "tls_failed",
            CloseReason.TlsTimeout => "tls_timeout",
            CloseReason.MemoryPressure => "memory_pressure",
            CloseReason.TunnelGone => "tunnel_gone",
            CloseReason.TunnelTimeout => "tunnel_timeout",
            CloseReason.MessageLimit => "message_limit",
            CloseReason.PingTimeout => "ping_timeout",
            CloseReason.Fault => "fault",
            CloseReason.HubClosed => "hub_closed",
            CloseReason.ClientTruncated => "client_truncated",
            CloseReason.BackendTruncated => "backend_truncated",
            CloseReason.ListenerRemoved => "listener_removed",
            CloseReason.LocalPorts => "local_ports",
            _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, null),
        };
}
