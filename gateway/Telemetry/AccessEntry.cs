using System.Net;
using System.Text.Json;

namespace Mooring.Gateway.Telemetry;

/// <summary>One ended connection, as the access log shows it.</summary>
internal sealed class AccessEntry : ILogEntry
{
    /// <summary>When the connection ended.</summary>
    public required DateTimeOffset Time { get; init; }

    public required string Listener { get; init; }

    public required IPAddress ClientAddress { get; init; }

    public required int ClientPort { get; init; }

    /// <summary>Name of the backend, and id of the endpoint; null when none was reached.</summary>
    public string? Backend { get; init; }

    public string? Endpoint { get; init; }

    /// <summary>Bytes from the client.</summary>
    public long ReceivedBytes { get; init; }

    /// <summary>Bytes to the client.</summary>
    public long SentBytes { get; init; }

    public TimeSpan Duration { get; init; }

    /// <summary>Why it ended; see <see cref="AccessLines"/>.</summary>
    public required string Reason { get; init; }

    /// <summary>What the client's PROXY header said; null: it had none.</summary>
    public ProxyLog? Proxy { get; init; }

    /// <summary>What its own TLS says of it; null: it has none.</summary>
    public TlsLog? Tls { get; init; }

    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("time"u8, Time);
        json.WriteString("type"u8, "access"u8);
        json.WriteString("listener"u8, Listener);
        json.WriteString("client"u8, new IPEndPoint(ClientAddress, ClientPort).ToString());
        if (Backend is not null)
        {
            json.WriteString("backend"u8, Backend);
        }

        if (Endpoint is not null)
        {
            json.WriteString("endpoint"u8, Endpoint);
        }

        json.WriteNumber("bytesIn"u8, ReceivedBytes);
        json.WriteNumber("bytesOut"u8, SentBytes);
        json.WriteNumber("durationMs"u8, (long)Duration.TotalMilliseconds);
        json.WriteString("reason"u8, Reason);
        ProxyLog.Write(json, Proxy, Tls);
    }
}
