using System.Security.Cryptography.X509Certificates;
using System.Text;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Gateways.InCluster;

/// <summary>Keeps the stream's certificates in a Secret of the operator's namespace, and renews them. Only the leader writes.</summary>
/// <remarks><see cref="Current"/> is for any thread; <see cref="EnsureAsync"/> for one at a time.</remarks>
internal sealed class CertificateStore(KubernetesClient client, string ns, string name, IReadOnlyList<string> hosts, TimeProvider time)
    : IDisposable
{
    private const string AuthorityCertificate = "ca.crt";
    private const string AuthorityKey = "ca.key";
    private const string ServerCertificate = "tls.crt";
    private const string ServerKey = "tls.key";
    private const string PartOf = "app.kubernetes.io/part-of";
    private const string PartOfMooring = "mooring";
    private const int MaxTries = 5;

    private static readonly ResourceType<Secret> Secrets = ResourceType.For(InClusterJson.Default.Secret);

    private readonly Lock _using = new();
    private StreamCertificates? _certificates;
    private volatile X509Certificate2? _server;

    /// <summary>What the operator's servers show their peers. Null before the first <see cref="EnsureAsync"/>.</summary>
    public X509Certificate2? Current => _server;

    /// <summary>Reads the Secret, makes or renews what it lacks, and returns what gateways are to trust.</summary>
    /// <exception cref="KubernetesException">The Secret cannot be read or written.</exception>
    /// <exception cref="IOException">There is a Secret of that name which is somebody else's.</exception>
    public async Task<string> EnsureAsync(CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            var secret = await client.FindAsync(Secrets, ns, name, cancellation);
            var stored = secret is null ? null : Read(secret);
            if (secret is not null && !IsOurs(secret, stored!))
            {
                throw new IOException(
                    $"the Secret {ns}/{name} holds something else than the stream's certificates: move it out of the way"
                );
            }

            var wanted = StreamAuthority.Ensure(stored, hosts, time.GetUtcNow());
            try
            {
                if (!ReferenceEquals(wanted, stored))
                {
                    await WriteAsync(secret, wanted, cancellation);
                }

                Use(wanted);
                return wanted.AuthorityBundle;
            }
            catch (KubernetesException error) when (error.IsConflict && attempt < MaxTries)
            {
                // Written by another replica in between: its certificates are as good.
            }
        }
    }

    /// <summary>Reads the Secret and uses what is in it; writes nothing. False: there is nothing usable yet.</summary>
    /// <exception cref="KubernetesException">The Secret cannot be read.</exception>
    public async Task<bool> LoadAsync(CancellationToken cancellation)
    {
        if (
            await client.FindAsync(Secrets, ns, name, cancellation) is not { } secret
            || Read(secret) is not { Certificate.Length: > 0, Key.Length: > 0 } stored
            || !IsOurs(secret, stored)
        )
        {
            return false;
        }

        try
        {
            Use(stored);
            return true;
        }
        catch (System.Security.Cryptography.CryptographicException)
        {
            return false;
        }
    }

    public void Dispose() => _server?.Dispose();

    private void Use(StreamCertificates certificates)
    {
        lock (_using)
        {
            if (certificates == _certificates)
            {
                return;
            }

            // The one before is left to the garbage collector: a handshake may be under way with it.
            _server = X509Certificate2.CreateFromPem(certificates.Certificate, certificates.Key);
            _certificates = certificates;
        }
    }

    private Task WriteAsync(Secret? present, StreamCertificates certificates, CancellationToken cancellation)
    {
        var secret = new Secret
        {
            Metadata = new ObjectMeta
            {
                Name = name,
                Namespace = ns,
                ResourceVersion = present?.Metadata.ResourceVersion,
                Labels = present?.Metadata.Labels ?? new Dictionary<string, string> { [PartOf] = PartOfMooring },
                Annotations = present?.Metadata.Annotations,
                OwnerReferences = present?.Metadata.OwnerReferences,
            },
            Type = present?.Type ?? "kubernetes.io/tls",
            Data = new Dictionary<string, byte[]>
            {
                [AuthorityCertificate] = Encoding.UTF8.GetBytes(certificates.AuthorityBundle),
                [AuthorityKey] = Encoding.UTF8.GetBytes(certificates.AuthorityKey),
                [ServerCertificate] = Encoding.UTF8.GetBytes(certificates.Certificate),
                [ServerKey] = Encoding.UTF8.GetBytes(certificates.Key),
            },
        };
        return present is null
            ? client.CreateAsync(Secrets, secret, cancellationToken: cancellation)
            : client.ReplaceAsync(Secrets, secret, cancellationToken: cancellation);
    }

    // An authority's key is what no certificate made by others comes with. An empty Secret may have been put there for us.
    private static bool IsOurs(Secret secret, StreamCertificates stored) =>
        stored.AuthorityKey.Length > 0
        || secret.Data is null or { Count: 0 }
        || secret.Metadata.Labels?.GetValueOrDefault(PartOf) == PartOfMooring;

    private static StreamCertificates Read(Secret secret)
    {
        return new StreamCertificates(Text(AuthorityCertificate), Text(AuthorityKey), Text(ServerCertificate), Text(ServerKey));

        string Text(string key) => secret.Data?.GetValueOrDefault(key) is { } bytes ? Encoding.UTF8.GetString(bytes) : "";
    }
}
