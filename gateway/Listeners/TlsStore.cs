using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Listeners;

/// <summary>Makes what listeners and backends with TLS work from out of their files, and again when these change.</summary>
/// <remarks>
/// Of each file, or certificate with its key, the last good content is kept: what is broken later keeps serving as it was and is a
/// problem that is told; what is broken from the start is an error of the config. For one thread at a time.
/// </remarks>
internal sealed class TlsStore(TimeProvider time)
{
    private readonly Dictionary<string, (TlsListenerConfig Config, PeerTrust? Trust, TlsServer Server)> _servers = new(
        StringComparer.Ordinal
    );
    private readonly Dictionary<string, (PeerTrust Trust, KeyPair? Pair, TlsClient Client)> _clients = new(StringComparer.Ordinal);
    private Dictionary<CertificateConfig, KeyPair> _pairs = [];
    private Dictionary<string, byte[]> _authorities = new(StringComparer.Ordinal);
    private Dictionary<string, RevocationList> _revocations = new(StringComparer.Ordinal);
    private Dictionary<string, DateTimeOffset> _revocationExpiries = new(StringComparer.Ordinal);
    private List<string> _problems = [];

    /// <summary>Files that are no good at present while their last good content serves on, each with where it is named and why.</summary>
    public IReadOnlyList<string> Problems => Volatile.Read(ref _problems);

    /// <summary>When each certificate in force expires, by the name that the user gave it.</summary>
    public IReadOnlyDictionary<string, DateTimeOffset> Expiries =>
        Volatile
            .Read(ref _pairs)
            .GroupBy(static pair => pair.Key.Name)
            .ToDictionary(static g => g.Key, static g => g.Min(pair => pair.Value.NotAfter));

    /// <summary>When each revocation list in force expires, by the name that the user gave it; those without an end left out.</summary>
    public IReadOnlyDictionary<string, DateTimeOffset> RevocationExpiries => Volatile.Read(ref _revocationExpiries);

    /// <summary>Reads all files of a config.</summary>
    /// <returns>What is to be put in force, or the errors.</returns>
    public (TlsPlan? Plan, IReadOnlyList<string> Errors) Prepare(GatewaySnapshot snapshot)
    {
        var reading = new Reading(_pairs, _authorities, _revocations);
        for (var i = 0; i < snapshot.Listeners.Count; i++)
        {
            Read($"listeners[{i}].tls", snapshot.Listeners[i].Tls, reading);
        }

        for (var i = 0; i < snapshot.Backends.Count; i++)
        {
            Read($"backends[{i}].tls", snapshot.Backends[i].Tls, reading);
        }

        if (reading.Errors.Count > 0)
        {
            return (null, reading.Errors);
        }

        var plan = new TlsPlan(reading.Pairs, reading.Authorities, reading.Revocations, reading.Problems);
        for (var i = 0; i < snapshot.Listeners.Count && reading.Errors.Count == 0; i++)
        {
            Try($"listeners[{i}].tls", reading.Errors, () => Build($"listeners[{i}].tls", snapshot.Listeners[i], plan));
        }

        for (var i = 0; i < snapshot.Backends.Count && reading.Errors.Count == 0; i++)
        {
            Try($"backends[{i}].tls", reading.Errors, () => Build($"backends[{i}].tls", snapshot.Backends[i], plan));
        }

        return reading.Errors.Count > 0 ? (null, reading.Errors) : (plan, []);
    }

    /// <summary>The plan is in force.</summary>
    public void Commit(TlsPlan plan)
    {
        Volatile.Write(ref _pairs, plan.Pairs);
        _authorities = plan.Authorities;
        _revocations = plan.Revocations;
        Volatile.Write(ref _revocationExpiries, plan.RevocationExpiries);
        Volatile.Write(ref _problems, plan.Problems);
        _servers.Clear();
        foreach (var (name, server) in plan.Servers)
        {
            _servers.Add(name, server);
        }

        _clients.Clear();
        foreach (var (name, client) in plan.Clients)
        {
            _clients.Add(name, client);
        }
    }

    /// <summary>Changes ticket keys when they are due.</summary>
    public void RotateTickets()
    {
        foreach (var (_, _, server) in _servers.Values)
        {
            server.RotateTickets(time.GetUtcNow());
        }
    }

    private static void Try(string path, List<string> errors, Action build)
    {
        try
        {
            build();
        }
        catch (Exception error) when (error is OpenSslException or DllNotFoundException or EntryPointNotFoundException)
        {
            errors.Add($"{path}: {(error is OpenSslException ? error.Message : "OpenSSL 3 (libssl.so.3) is not installed here")}");
        }
    }

    private static void Read(string path, TlsListenerConfig? tls, Reading reading)
    {
        for (var i = 0; i < (tls?.Certificates.Count ?? 0); i++)
        {
            reading.Pair($"{path}.certificates[{i}]", tls!.Certificates[i]);
        }

        if (tls?.ClientCertificates is { } clients)
        {
            reading.Authority($"{path}.clientCertificates", clients.Name, clients.CaFile);
            if (clients.CrlFile is { } list)
            {
                reading.Revocation($"{path}.clientCertificates.crlFile", clients.CrlName ?? list, list);
            }
        }
    }

    private static void Read(string path, BackendTlsConfig? tls, Reading reading)
    {
        if (tls?.CaFile is { } file)
        {
            reading.Authority($"{path}.caFile", tls.CaName ?? file, file);
        }

        if (tls?.CrlFile is { } list)
        {
            reading.Revocation($"{path}.crlFile", tls.CrlName ?? list, list);
        }

        if (tls?.ClientCertificate is { } pair)
        {
            reading.Pair($"{path}.clientCertificate", pair);
        }
    }

    private void Build(string path, ListenerSnapshot listener, TlsPlan plan)
    {
        if (listener.Tls is not { Mode: TlsMode.Terminate } tls)
        {
            return;
        }

        var pairs = tls.Certificates.Select(certificate => plan.Pairs[certificate]).ToList();
        var now = time.GetUtcNow();
        var trust = tls.ClientCertificates is { } clients
            ? Trust(clients.CaFile, clients.CrlName, clients.CrlFile, $"{path}.clientCertificates.crlFile", "client", plan, now)
            : null;
        var known = _servers.TryGetValue(listener.Name, out var before);
        var same =
            known
            && before.Config == tls
            && before.Trust == trust
            && before.Server.Pairs.SequenceEqual(pairs, ReferenceEqualityComparer.Instance);
        IReadOnlyList<string> alpn = listener.Protocol == ListenerProtocol.WebSocket ? [TlsCompiler.Http11] : tls.Alpn;
        plan.Servers[listener.Name] = same
            ? before
            : (tls, trust, new TlsServer(listener.Name, tls, alpn, pairs, trust, known ? before.Server : null, now));
    }

    private static PeerTrust Trust(
        string? caFile,
        string? crlName,
        string? crlFile,
        string path,
        string whose,
        TlsPlan plan,
        DateTimeOffset now
    )
    {
        var revocations = crlFile is null ? null : plan.Revocations[crlFile];
        var expired = revocations?.IsExpired(now) == true;
        if (revocations?.NextUpdate < DateTimeOffset.MaxValue)
        {
            plan.RevocationExpiries[crlName ?? crlFile!] = revocations.NextUpdate;
        }

        if (expired)
        {
            plan.Problems.Add(
                $"{path} ({crlName ?? crlFile}): expired at {revocations!.NextUpdate:yyyy-MM-ddTHH:mm:ssZ}; no {whose} certificate is taken until there is a new one"
            );
        }

        return new PeerTrust(caFile is null ? null : plan.Authorities[caFile], revocations, expired);
    }

    private void Build(string path, BackendSnapshot backend, TlsPlan plan)
    {
        if (backend.Tls is not { } tls)
        {
            return;
        }

        var trust = Trust(tls.CaFile, tls.CrlName, tls.CrlFile, $"{path}.crlFile", "backend's", plan, time.GetUtcNow());
        var pair = tls.ClientCertificate is { } files ? plan.Pairs[files] : null;
        var same =
            _clients.TryGetValue(backend.Name, out var before)
            && before.Client.Config == tls
            && before.Trust == trust
            && ReferenceEquals(before.Pair, pair);
        plan.Clients[backend.Name] = same ? before : (trust, pair, new TlsClient(tls, trust, pair));
    }

    /// <summary>One look at all files.</summary>
    private sealed class Reading(
        Dictionary<CertificateConfig, KeyPair> pairsBefore,
        Dictionary<string, byte[]> authoritiesBefore,
        Dictionary<string, RevocationList> revocationsBefore
    )
    {
        public Dictionary<CertificateConfig, KeyPair> Pairs { get; } = [];

        public Dictionary<string, byte[]> Authorities { get; } = new(StringComparer.Ordinal);

        public Dictionary<string, RevocationList> Revocations { get; } = new(StringComparer.Ordinal);

        public List<string> Errors { get; } = [];

        public List<string> Problems { get; } = [];

        public void Pair(string path, CertificateConfig files)
        {
            if (!Pairs.ContainsKey(files))
            {
                pairsBefore.TryGetValue(files, out var before);
                // The same object for the same content, so that nothing is made anew for it.
                Take(path, files.Name, before, () => PemFiles.ReadPair(files, before), kept => Pairs[files] = kept);
            }
        }

        public void Authority(string path, string name, string file)
        {
            if (!Authorities.ContainsKey(file))
            {
                authoritiesBefore.TryGetValue(file, out var before);
                Take(path, name, before, () => PemFiles.ReadAuthorities(file, before), kept => Authorities[file] = kept);
            }
        }

        public void Revocation(string path, string name, string file)
        {
            if (!Revocations.ContainsKey(file))
            {
                revocationsBefore.TryGetValue(file, out var before);
                Take(path, name, before, () => PemFiles.ReadRevocations(file, before), kept => Revocations[file] = kept);
            }
        }

        private void Take<T>(string path, string name, T? before, Func<T> read, Action<T> keep)
            where T : class
        {
            var failures = new List<string>();
            Try($"{path} ({name})", failures, () => keep(read()));
            if (failures.Count == 0)
            {
                return;
            }

            (before is null ? Errors : Problems).AddRange(failures);
            if (before is not null)
            {
                keep(before);
            }
        }
    }
}

/// <summary>What <see cref="TlsStore.Prepare"/> has made, until it is put in force.</summary>
internal sealed record TlsPlan(
    Dictionary<CertificateConfig, KeyPair> Pairs,
    Dictionary<string, byte[]> Authorities,
    Dictionary<string, RevocationList> Revocations,
    List<string> Problems
)
{
    public Dictionary<string, (TlsListenerConfig Config, PeerTrust? Trust, TlsServer Server)> Servers { get; } =
        new(StringComparer.Ordinal);

    /// <summary>By the name that the user gave the list.</summary>
    public Dictionary<string, DateTimeOffset> RevocationExpiries { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, (PeerTrust Trust, KeyPair? Pair, TlsClient Client)> Clients { get; } = new(StringComparer.Ordinal);

    /// <summary>What a listener does; null: no TLS.</summary>
    public ListenerTls? Of(ListenerSnapshot listener) =>
        listener.Tls is not { } tls
            ? null
            : new ListenerTls(
                tls.Mode == TlsMode.Terminate ? Servers[listener.Name].Server : null,
                tls.Mode == TlsMode.Terminate
                    ? null
                    : new ServerNameMap<string>(
                        tls.Routes.SelectMany(static route => route.ServerNames.Select(name => (name, route.Backend))),
                        manyLabels: true
                    ),
                Transport.TimerWheel.Ticks(tls.HandshakeTimeout)
            );

    /// <summary>What connections to a backend are made from; null: no TLS.</summary>
    /// <param name="backend">As it is from now on.</param>
    /// <param name="before">What they were made from: of one that is leaving, connects under way go on with it.</param>
    public TlsClient? Of(BackendSnapshot backend, TlsClient? before) =>
        Clients.TryGetValue(backend.Name, out var client) ? client.Client
        : backend.IsLeaving ? before
        : null;
}
