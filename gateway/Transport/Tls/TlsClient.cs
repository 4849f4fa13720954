using System.Net;
using System.Text;
using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Transport.Tls;

/// <summary>What connections to a backend that speaks TLS are made from. Immutable and thread-safe.</summary>
internal sealed unsafe class TlsClient
{
    private static long _last;
    private readonly Lazy<CheckTls> _checks;

    /// <param name="config">The backend's TLS.</param>
    /// <param name="trust">What the endpoints' certificates are judged by.</param>
    /// <param name="pair">Client certificate, where the config has one.</param>
    /// <exception cref="OpenSslException">Something in the files is no good.</exception>
    public TlsClient(BackendTlsConfig config, PeerTrust trust, KeyPair? pair)
    {
        Config = config;
        // A session is good only with the trust that it was made under, so each generation has its own.
        Generation = Interlocked.Increment(ref _last);
        Context = SslContext.Create(server: false, SslVersion.Tls12);
        if (pair is not null)
        {
            SslCertificates.Use(Context, pair, config.ClientCertificate!);
        }

        if (config.InsecureSkipVerify)
        {
            OpenSsl.ContextSetVerify(Context.Value, SslVerify.None, null);
        }
        else
        {
            OpenSsl.ContextSetVerify(Context.Value, SslVerify.Peer, null);
            if (trust.Authorities is null)
            {
                SslContext.Must(OpenSsl.ContextSetDefaultVerifyPaths(Context.Value), "the system's CA certificates");
            }
            else
            {
                SslCertificates.Trust(Context, trust.Authorities, config.CaFile!, announce: false);
            }

            if (trust.Revocations is { } revocations)
            {
                SslRevocations.Use(Context, revocations.Pem, config.CrlFile!);
            }
        }

        _checks = new Lazy<CheckTls>(() => new CheckTls(config, trust, pair, Context));
        Context.Control(SslControl.SessionCacheMode, SslCache.ClientWithoutStore);
        OpenSsl.ContextSetNewSession(Context.Value, TlsCallbacks.NewSession);
    }

    public BackendTlsConfig Config { get; }

    /// <summary>The same trust, for active checks.</summary>
    public CheckTls Checks => _checks.Value;

    public SslContext Context { get; }

    /// <summary>Different for each object.</summary>
    public long Generation { get; }

    /// <summary>A connection that expects this host at the other end; 0 when memory ran out or the name is none.</summary>
    /// <param name="host">Name or IP address of the endpoint; the config's name comes before it.</param>
    public nint Connect(string host)
    {
        var ssl = OpenSsl.New(Context.Value);
        GC.KeepAlive(Context);
        if (ssl == 0)
        {
            return 0;
        }

        OpenSsl.SetConnect(ssl);
        var name = Config.ServerName ?? host;
        var bytes = stackalloc byte[ClientHello.MaxNameBytes + 1];
        var length = Encoding.ASCII.GetBytes(name, new Span<byte>(bytes, ClientHello.MaxNameBytes));
        bytes[length] = 0;
        bool good;
        if (IPAddress.TryParse(name, out _))
        {
            // An address is never sent as a server name (RFC 6066 §3).
            good = OpenSsl.VerifySetAddress(OpenSsl.VerifyParameters(ssl), bytes) == 1;
        }
        else
        {
            OpenSsl.VerifySetHostFlags(OpenSsl.VerifyParameters(ssl), SslVerify.NoPartialWildcards);
            good = OpenSsl.Control(ssl, SslControl.HostName, 0, bytes) == 1 && OpenSsl.SetHost(ssl, bytes) == 1;
        }

        if (!good)
        {
            OpenSsl.Free(ssl);
            return 0;
        }

        return ssl;
    }
}
