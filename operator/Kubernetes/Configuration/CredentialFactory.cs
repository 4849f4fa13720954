using System.Security.Cryptography.X509Certificates;

namespace Mooring.Kubernetes.Configuration;

/// <summary>Chooses the source of credentials for a kubeconfig user.</summary>
internal static class CredentialFactory
{
    /// <exception cref="KubeConfigException">The entry contradicts itself, or its data is wrong.</exception>
    public static ICredentialSource Create(string name, UserEntry user, ClusterEntry cluster, TimeProvider time)
    {
        var hasCertificate = user.ClientCertificateData is not null || user.ClientCertificate is not null;
        var hasKey = user.ClientKeyData is not null || user.ClientKey is not null;
        if (hasCertificate != hasKey)
        {
            throw new KubeConfigException(
                $"user '{name}' has a client {(hasKey ? "key" : "certificate")} without its {(hasKey ? "certificate" : "key")}"
            );
        }

        if (user.Exec is { } exec)
        {
            return user.Token is null && user.TokenFile is null && !hasCertificate
                ? new ExecCredentialSource(exec, cluster, time)
                : throw new KubeConfigException($"user '{name}' has exec and another credential: only one can be used");
        }

        // As client-go: the token file, where there is one, comes before the token.
        var files =
            user.TokenFile is not null || (hasCertificate && user.ClientCertificateData is null) || (hasKey && user.ClientKeyData is null);
        if (files)
        {
            return new FileCredential(
                user.TokenFile,
                hasCertificate ? PemSource.Of(user.ClientCertificateData, user.ClientCertificate) : null,
                hasKey ? PemSource.Of(user.ClientKeyData, user.ClientKey) : null,
                time
            )
            {
                Token = user.Token,
            };
        }

        X509Certificate2Collection? certificates = null;
        if (hasCertificate)
        {
            try
            {
                certificates = Pem.KeyPair(
                    System.Text.Encoding.UTF8.GetString(user.ClientCertificateData!),
                    System.Text.Encoding.UTF8.GetString(user.ClientKeyData!)
                );
            }
            catch (CredentialException error)
            {
                throw new KubeConfigException($"user '{name}': {error.Message}", error);
            }
        }

        return new StaticCredential(
            new Credential
            {
                Certificates = certificates,
                Token = user.Token,
                Username = user.Username,
                Password = user.Password,
            }
        );
    }
}
