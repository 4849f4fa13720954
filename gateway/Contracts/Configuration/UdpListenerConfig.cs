namespace Mooring.Contracts.Configuration;

/// <summary>Settings of a UDP listener. Its flows go by consistent hash of the client's address, whatever else is set.</summary>
public sealed record UdpListenerConfig
{
    /// <summary>A flow without a datagram in either direction for this long ends. 1 s to 24 h; default 60 s.</summary>
    public TimeSpan SessionTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// A flow ends, and its socket is free, as soon as the backend has answered each of the client's datagrams with this many (nginx's
    /// <c>proxy_responses</c>): 1 for DNS. 0: only by time. At most 1,000,000; default 0.
    /// </summary>
    public int Responses { get; init; }
}
