using Mooring.Gateway.Listeners;

namespace Mooring.Gateway.Telemetry;

/// <summary>Turns the loops' records of ended connections into lines of the access log. Runs on the access log's thread.</summary>
internal sealed class AccessLines(GatewayLog log, TimeProvider time)
{
    public void Write(ReadOnlySpan<AccessRecord> records)
    {
        var now = time.GetUtcNow();
        foreach (ref readonly var record in records)
        {
            if (log.WantsAccess())
            {
                log.Access(
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
                    }
                );
            }
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
            CloseReason.NoBackend => "no_backend",
            CloseReason.ConnectFailed => "connect_failed",
            CloseReason.HandshakeTimeout => "handshake_timeout",
            CloseReason.Answered => "answered",
            CloseReason.ProtocolError => "protocol_error",
            CloseReason.Drained => "drained",
            CloseReason.DrainDeadline => "drain_deadline",
            CloseReason.Resources => "resources",
            CloseReason.ProxyHeader => "proxy_header",
            CloseReason.Refused => "refused",
            CloseReason.Fault => "fault",
            _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, null),
        };
}
