// Hot path: every event of a TLS connection. See tests/benchmarks.
namespace Mooring.Gateway.Transport.Tls;

/// <summary>What a TLS descriptor has beyond its channel.</summary>
internal struct TlsState
{
    /// <summary>The <c>SSL</c>; 0 before the first bytes of a handshake have come.</summary>
    public nint Ssl;

    public TlsWants Wants;

    /// <summary>The other end has ended by FIN, without close_notify, before it was told of an end itself.</summary>
    public bool IsCut;

    /// <summary>What goes to here was cut where it came from, and ends as it did there.</summary>
    public bool EndsCut;

    /// <summary>Of an upstream: <see cref="TlsClient.Generation"/>.</summary>
    public int Generation;
}

/// <summary>What OpenSSL waits for that the direction of the call would not tell.</summary>
[Flags]
internal enum TlsWants : byte
{
    None = 0,

    /// <summary>A read goes on when the socket can be written.</summary>
    ReadWrites = 1,

    /// <summary>A write goes on when the socket can be read.</summary>
    WriteReads = 2,

    /// <summary>The close_notify could not be sent yet.</summary>
    Shutdown = 4,
}
