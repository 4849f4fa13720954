using System.Net;

namespace Mooring.Gateway.Registry.Redis;

/// <summary>How the registry's Redis is reached. Immutable; checked.</summary>
internal sealed record RedisSettings
{
    /// <summary>Servers, Sentinels or nodes of a cluster, each <c>host:port</c>; at least one.</summary>
    public required IReadOnlyList<DnsEndPoint> Addresses { get; init; }

    /// <summary>Name of the master that the addresses, being Sentinels, watch over; null: they are servers.</summary>
    public string? SentinelMaster { get; init; }

    /// <summary>The addresses are nodes of a Redis Cluster.</summary>
    public bool Cluster { get; init; }

    /// <summary>File with the password of the default user, read at each connect; null: <see cref="Password"/>.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>Null: none.</summary>
    public string? Password { get; init; }

    /// <summary>Null: no TLS.</summary>
    public RedisTls? Tls { get; init; }

    /// <summary>Longest password, in bytes.</summary>
    private const int MaxPassword = 4096;

    /// <summary>Reads the password as it is now.</summary>
    /// <exception cref="IOException">There is no such file, or it is longer than a password is.</exception>
    public async Task<string?> ReadPasswordAsync(CancellationToken cancellation)
    {
        if (PasswordFile is null)
        {
            return Password;
        }

        try
        {
            if (new FileInfo(PasswordFile).Length > MaxPassword)
            {
                throw new IOException($"{PasswordFile} is longer than {MaxPassword} bytes: no password");
            }

            // A Secret made with `echo` ends with a line feed that is not the password's.
            return (await File.ReadAllTextAsync(PasswordFile, cancellation)).TrimEnd('\r', '\n');
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    // A record prints its members.
    public override string ToString() => string.Join(",", Addresses.Select(address => $"{address.Host}:{address.Port}"));
}

/// <param name="CaFile">PEM certificates that the server's must chain to; null: the system's.</param>
/// <param name="ServerName">Name in the server's certificate; null: the address's host.</param>
internal sealed record RedisTls(string? CaFile, string? ServerName);
