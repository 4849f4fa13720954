using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Where gateways find the Secrets that a fleet names: a folder for each, with a file for each key, as a Secret is mounted.</summary>
/// <param name="Root">Folder with a folder for each Secret.</param>
/// <param name="Elsewhere">Folders of those that are not there, by name.</param>
public sealed record SecretPaths(string Root, IReadOnlyDictionary<string, string>? Elsewhere = null)
{
    /// <summary>In a pod.</summary>
    public static readonly SecretPaths Mounted = new("/etc/mooring-secrets");

    public string Of(string secret) => Elsewhere?.GetValueOrDefault(secret) ?? $"{Root}/{secret}";

    public string File(string secret, string key) => $"{Of(secret)}/{key}";

    /// <summary>Every Secret whose files the gateways of a fleet read, each with the field that names it first, and the keys wanted of it.</summary>
    public static IReadOnlyList<SecretUse> Used(FleetSpec spec)
    {
        var uses = new List<SecretUse>();
        foreach (var (i, listener) in spec.Listeners.Index())
        {
            foreach (var (j, certificate) in (listener.Tls?.CertificateRefs ?? []).Index())
            {
                Add(
                    $"spec.listeners[{i}].tls.certificateRefs[{j}].name",
                    certificate.Name,
                    TlsRenderer.CertificateKey,
                    TlsRenderer.PrivateKey
                );
            }

            if (listener.Tls?.ClientCertificates?.CaRef is { } authority)
            {
                Add($"spec.listeners[{i}].tls.clientCertificates.caRef.name", authority.Name, authority.Key);
            }

            if (listener.Tls?.ClientCertificates?.CrlRef is { } list)
            {
                Add($"spec.listeners[{i}].tls.clientCertificates.crlRef.name", list.Name, list.Key);
            }

            if (listener.Tunnel?.SecretRef is { } secret)
            {
                Add($"spec.listeners[{i}].tunnel.secretRef.name", secret.Name, secret.Key);
            }

            foreach (var (j, tenant) in (listener.Tunnel?.Tenants ?? []).Index())
            {
                Add($"spec.listeners[{i}].tunnel.tenants[{j}].tokenRef.name", tenant.TokenRef.Name, tenant.TokenRef.Key);
            }
        }

        foreach (var (path, secret) in HubRenderer.Secrets(spec))
        {
            Add(path, secret.Name, secret.Key);
        }

        foreach (var (i, backend) in spec.Backends.Index())
        {
            if (backend.Tls?.CaRef is { } authority)
            {
                Add($"spec.backends[{i}].tls.caRef.name", authority.Name, authority.Key);
            }

            if (backend.Tls?.CrlRef is { } list)
            {
                Add($"spec.backends[{i}].tls.crlRef.name", list.Name, list.Key);
            }

            if (backend.Tls?.ClientCertificateRef is { } certificate)
            {
                Add(
                    $"spec.backends[{i}].tls.clientCertificateRef.name",
                    certificate.Name,
                    TlsRenderer.CertificateKey,
                    TlsRenderer.PrivateKey
                );
            }
        }

        if (spec.Registry?.Redis.PasswordRef is { } password)
        {
            Add("spec.registry.redis.passwordRef.name", password.Name, password.Key);
        }

        if (spec.Registry?.Redis.Tls?.CaRef is { } registryAuthority)
        {
            Add("spec.registry.redis.tls.caRef.name", registryAuthority.Name, registryAuthority.Key);
        }

        return uses;

        void Add(string path, string name, params string[] keys)
        {
            var at = uses.FindIndex(use => use.Name == name);
            if (at < 0)
            {
                uses.Add(new SecretUse(name, path, keys));
            }
            else
            {
                uses[at] = uses[at] with { Keys = [.. uses[at].Keys.Union(keys, StringComparer.Ordinal)] };
            }
        }
    }
}

/// <param name="Name">Of the Secret.</param>
/// <param name="Path">Field that names it.</param>
/// <param name="Keys">Keys that it must have.</param>
public sealed record SecretUse(string Name, string Path, IReadOnlyList<string> Keys);
