using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Transport.Tls;

/// <summary>What a listener that terminates TLS makes connections from: a context for each certificate, found by server name.</summary>
/// <remarks>Immutable but for <see cref="Tickets"/>, which is swapped as a whole. Thread-safe.</remarks>
internal sealed unsafe class TlsServer
{
    /// <summary>How long a session can be resumed. A client certificate is not looked at again meanwhile.</summary>
    private static readonly TimeSpan SessionLife = TimeSpan.FromHours(2);

    /// <summary>ALPN lists live as long as any connection may ask for them: for good, once each.</summary>
    private static readonly ConcurrentDictionary<string, (nint List, int Length)> AlpnLists = new(StringComparer.Ordinal);

    private readonly SslContext[] _contexts;
    private readonly ServerNameMap<SslContext> _byName;
    private TicketKeys _tickets;

    /// <param name="listener">Name of the listener.</param>
    /// <param name="config">Its TLS.</param>
    /// <param name="alpn">Protocols in order of preference; empty: passed over.</param>
    /// <param name="pairs">As many as the config has certificates.</param>
    /// <param name="trust">What client certificates are judged by; null where none are asked for.</param>
    /// <param name="before">What served until now; its tickets are still taken.</param>
    /// <param name="now">By the wall clock.</param>
    /// <exception cref="OpenSslException">Something in the files is no good.</exception>
    public TlsServer(
        string listener,
        TlsListenerConfig config,
        IReadOnlyList<string> alpn,
        IReadOnlyList<KeyPair> pairs,
        PeerTrust? trust,
        TlsServer? before,
        DateTimeOffset now
    )
    {
        Pairs = pairs;
        // Tickets of another listener, or from before other CAs were trusted or other certificates revoked, are no good here.
        var scope = SHA256.HashData([
            .. Encoding.UTF8.GetBytes($"{listener}\0{config.ClientCertificates?.Required}\0{config.ClientCertificates?.Depth}\0"),
            .. trust?.Authorities ?? [],
            .. trust?.Revocations?.Pem ?? [],
            (byte)(trust?.IsExpired == true ? 1 : 0),
        ]);
        _contexts = [.. pairs.Select((pair, i) => Build(config, config.Certificates[i], pair, alpn, trust, scope))];
        _byName = new ServerNameMap<SslContext>(
            pairs.SelectMany((pair, i) => pair.Names.Select(name => (name, _contexts[i]))),
            manyLabels: false
        );
        var seed = TicketKeys.Seed(PemFiles.Decode(pairs[0].Key), scope);
        Seeds = before is null || before.Seeds[0].AsSpan().SequenceEqual(seed) ? [seed] : [seed, before.Seeds[0]];
        _tickets = TicketKeys.At(Seeds, now, before?.Tickets);
    }

    public IReadOnlyList<KeyPair> Pairs { get; }

    public TicketKeys Tickets
    {
        get => Volatile.Read(ref _tickets);
        private set => Volatile.Write(ref _tickets, value);
    }

    private IReadOnlyList<byte[]> Seeds { get; }

    /// <summary>What new connections are made from.</summary>
    public SslContext Default => _contexts[0];

    /// <summary>The context for a server name; null where no certificate has it.</summary>
    public SslContext? Find(ReadOnlySpan<byte> name) => _byName.Find(name);

    /// <summary>Changes the ticket keys when their time has come. For one thread at a time.</summary>
    public void RotateTickets(DateTimeOffset now)
    {
        if (now.ToUnixTimeSeconds() / (long)TicketKeys.Period.TotalSeconds != Tickets.PeriodNumber)
        {
            Tickets = TicketKeys.At(Seeds, now, Tickets);
        }
    }

    private static SslContext Build(
        TlsListenerConfig config,
        CertificateConfig files,
        KeyPair pair,
        IReadOnlyList<string> alpn,
        PeerTrust? trust,
        byte[] scope
    )
    {
        var context = SslContext.Create(server: true, config.MinVersion == TlsVersion.Tls13 ? SslVersion.Tls13 : SslVersion.Tls12);
        var value = context.Value;
        SslCertificates.Use(context, pair, files);
        // Sessions are kept by the clients, in tickets: one is enough for a connection that lives long.
        context.Control(SslControl.SessionCacheMode, SslCache.Off);
        SslContext.Must(OpenSsl.ContextSetTickets(value, 1), "tickets");
        _ = OpenSsl.ContextSetTimeout(value, (long)SessionLife.TotalSeconds);
        SslContext.Must(OpenSsl.ContextSetTicketKeys(value, TlsCallbacks.TicketKey), "ticket keys");
        fixed (byte* id = scope)
        {
            SslContext.Must(OpenSsl.ContextSetSessionId(value, id, (uint)scope.Length), "session context");
        }

        _ = OpenSsl.ContextCallback(value, SslControl.ServerNameCallback, TlsCallbacks.ServerName);
        if (alpn.Count > 0)
        {
            OpenSsl.ContextSetAlpnSelect(value, TlsCallbacks.SelectProtocol, (void*)AlpnList(alpn));
        }

        if (config.ClientCertificates is { } clients)
        {
            SslCertificates.Trust(context, trust!.Authorities!, clients.CaFile, announce: true);
            if (trust.Revocations is { } revocations)
            {
                SslRevocations.Use(context, revocations.Pem, clients.CrlFile!);
            }

            OpenSsl.ContextSetVerify(value, SslVerify.Peer | (clients.Required ? SslVerify.FailWithoutCertificate : 0), null);
            OpenSsl.ContextSetVerifyDepth(value, clients.Depth);
        }

        return context;
    }

    /// <summary>Four bytes of length, then the protocols in ALPN's form.</summary>
    private static nint AlpnList(IReadOnlyList<string> protocols) =>
        AlpnLists
            .GetOrAdd(
                string.Join('\n', protocols),
                static key =>
                {
                    var list = AlpnForm(key.Split('\n'));
                    var memory = (byte*)NativeMemory.Alloc((nuint)(sizeof(int) + list.Length));
                    *(int*)memory = list.Length;
                    list.CopyTo(new Span<byte>(memory + sizeof(int), list.Length));
                    return ((nint)memory, list.Length);
                }
            )
            .List;

    /// <summary>Each protocol behind a byte with its length (RFC 7301 §3.1).</summary>
    public static byte[] AlpnForm(IEnumerable<string> protocols) =>
        [.. protocols.SelectMany(static protocol => Encoding.ASCII.GetBytes(protocol).Prepend((byte)protocol.Length))];
}
