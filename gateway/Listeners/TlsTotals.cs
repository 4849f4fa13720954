using Mooring.Contracts.Stream;
using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Listeners;

/// <summary>Handshakes of one listener or backend. Thread-safe.</summary>
internal sealed class TlsTotals
{
    /// <summary>IANA's numbers of what <see cref="SslContext.Create"/> allows, and OpenSSL's names.</summary>
    private static readonly (ushort Id, string Name)[] Ciphers =
    [
        (0x1301, "TLS_AES_128_GCM_SHA256"),
        (0x1302, "TLS_AES_256_GCM_SHA384"),
        (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
        (0xC02B, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (0xC02C, "ECDHE-ECDSA-AES256-GCM-SHA384"),
        (0xC02F, "ECDHE-RSA-AES128-GCM-SHA256"),
        (0xC030, "ECDHE-RSA-AES256-GCM-SHA384"),
        (0xCCA8, "ECDHE-RSA-CHACHA20-POLY1305"),
        (0xCCA9, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ];

    // The last one is for a cipher that is not in the list.
    private readonly long[] _byCipher = new long[2 * (Ciphers.Length + 1)];
    private long _full;
    private long _resumed;
    private long _failed;
    private long _unknownNames;

    /// <summary>A handshake is over.</summary>
    public void Count(nint ssl)
    {
        _ = OpenSsl.IsResumed(ssl) == 1 ? Interlocked.Increment(ref _resumed) : Interlocked.Increment(ref _full);
        var id = OpenSsl.CipherId(OpenSsl.Cipher(ssl));
        var at = 0;
        while (at < Ciphers.Length && Ciphers[at].Id != id)
        {
            at++;
        }

        Interlocked.Increment(ref _byCipher[(2 * at) + (OpenSsl.Version(ssl) == SslVersion.Tls13 ? 1 : 0)]);
    }

    public void CountFailed() => Interlocked.Increment(ref _failed);

    /// <summary>A client named a server that no certificate has.</summary>
    public void CountUnknownName() => Interlocked.Increment(ref _unknownNames);

    /// <summary>Null while there was no handshake.</summary>
    /// <param name="open">Handshakes that hold an <c>SSL</c>; of a backend 0.</param>
    /// <param name="waiting">Clients on their way to theirs; of a backend 0.</param>
    public TlsLoad? Read(int open = 0, int waiting = 0)
    {
        var load = new TlsLoad
        {
            OpenHandshakes = open,
            WaitingHandshakes = waiting,
            FullHandshakesTotal = Volatile.Read(ref _full),
            ResumedHandshakesTotal = Volatile.Read(ref _resumed),
            FailedHandshakesTotal = Volatile.Read(ref _failed),
            UnknownServerNamesTotal = Volatile.Read(ref _unknownNames),
            HandshakesByCipher =
            [
                .. _byCipher
                    .Select((_, i) => (i, count: Volatile.Read(ref _byCipher[i])))
                    .Where(static item => item.count > 0)
                    .Select(static item => new TlsCipherLoad
                    {
                        Version = item.i % 2 == 1 ? "TLSv1.3" : "TLSv1.2",
                        Cipher = item.i / 2 < Ciphers.Length ? Ciphers[item.i / 2].Name : "other",
                        HandshakesTotal = item.count,
                    }),
            ],
        };
        return
            load is { FullHandshakesTotal: 0, ResumedHandshakesTotal: 0, FailedHandshakesTotal: 0, UnknownServerNamesTotal: 0 }
            && (open | waiting) == 0
            ? null
            : load;
    }
}
