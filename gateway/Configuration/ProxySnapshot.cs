using Mooring.Contracts.Configuration;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.ProxyProtocol;

namespace Mooring.Gateway.Configuration;

/// <summary>A listener that takes PROXY headers. Immutable.</summary>
internal sealed record ProxySnapshot
{
    public required ProxyVersions Versions { get; init; }

    public required NetworkPrefix[] Trusted { get; init; }

    /// <summary>Clients from other addresses are refused; else served as clients of their own, and nothing of theirs is taken for a header.</summary>
    public required bool RefusesOthers { get; init; }

    /// <summary>In ticks of <see cref="TimerWheel"/>.</summary>
    public required uint Ticks { get; init; }

    public bool Trusts(NetworkAddress address)
    {
        foreach (ref readonly var prefix in Trusted.AsSpan())
        {
            if (prefix.Contains(address))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Checks and compiles; null: the listener takes none.</summary>
    public static ProxySnapshot? Compile(string path, ProxyProtocolConfig? config, ErrorList errors)
    {
        if (config is null)
        {
            return null;
        }

        errors.Range($"{path}.timeout", config.Timeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(1));
        if (config.Trusted.Count is 0 or > ProxyProtocolConfig.MaxTrusted)
        {
            errors.Add($"{path}.trusted", $"has {config.Trusted.Count} items; must have 1 to {ProxyProtocolConfig.MaxTrusted}");
        }

        var trusted = new List<NetworkPrefix>();
        foreach (var (i, text) in config.Trusted.Take(ProxyProtocolConfig.MaxTrusted).Index())
        {
            if (NetworkPrefix.TryParse(text ?? "", out var prefix, out var error))
            {
                trusted.Add(prefix);
            }
            else
            {
                errors.Add($"{path}.trusted[{i}]", error!);
            }
        }

        return new ProxySnapshot
        {
            Versions = config.Versions switch
            {
                ProxyProtocolVersions.V1 => ProxyVersions.V1,
                ProxyProtocolVersions.V2 => ProxyVersions.V2,
                _ => ProxyVersions.Any,
            },
            Trusted = [.. trusted],
            RefusesOthers = config.Untrusted == UntrustedPeers.Refuse,
            Ticks = TimerWheel.Ticks(config.Timeout),
        };
    }
}

/// <summary>A backend that is sent PROXY headers. Immutable.</summary>
/// <param name="Version">1 or 2.</param>
/// <param name="Authority">Pass on the host name that the client asked for, where it is known.</param>
/// <param name="UniqueId">Pass on the connection's id, or give it one.</param>
/// <param name="Crc32C">Add the checksum.</param>
/// <param name="Alpn">Pass on what was agreed with the client by TLS.</param>
/// <param name="Ssl">Say what is known of the client's TLS.</param>
/// <param name="SslCommonName">And its certificate's common name.</param>
internal sealed record ProxyOutSnapshot(int Version, bool Authority, bool UniqueId, bool Crc32C, bool Alpn, bool Ssl, bool SslCommonName)
{
    /// <summary>Checks and compiles; null: the backend gets none.</summary>
    public static ProxyOutSnapshot? Compile(string path, BackendProxyProtocolConfig? config, ErrorList errors)
    {
        if (config is null)
        {
            return null;
        }

        if (config.Version == ProxyProtocolVersion.V1 && config.Tlvs.Count > 0)
        {
            errors.Add($"{path}.tlvs", "version V1 has none");
        }

        if (config.Tlvs.Distinct().Count() != config.Tlvs.Count)
        {
            errors.Add($"{path}.tlvs", "has an item twice");
        }

        return new ProxyOutSnapshot(
            config.Version == ProxyProtocolVersion.V1 ? 1 : 2,
            config.Tlvs.Contains(ProxyProtocolTlv.Authority),
            config.Tlvs.Contains(ProxyProtocolTlv.UniqueId),
            config.Tlvs.Contains(ProxyProtocolTlv.Crc32C),
            config.Tlvs.Contains(ProxyProtocolTlv.Alpn),
            config.Tlvs.Contains(ProxyProtocolTlv.Ssl) || config.Tlvs.Contains(ProxyProtocolTlv.SslCommonName),
            config.Tlvs.Contains(ProxyProtocolTlv.SslCommonName)
        );
    }
}
