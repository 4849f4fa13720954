using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>The PROXY protocol's part of <see cref="GatewayConfigRenderer"/>.</summary>
internal static class ProxyProtocolRenderer
{
    public static ProxyProtocolConfig? Render(ProxyProtocolSpec? spec) =>
        spec is null
            ? null
            : new ProxyProtocolConfig
            {
                Versions = Enum.Parse<ProxyProtocolVersions>(spec.Versions),
                Trusted = spec.Trusted,
                Untrusted = Enum.Parse<UntrustedPeers>(spec.Untrusted),
                Timeout = spec.Timeout is { } timeout ? Duration.Parse(timeout) : new ProxyProtocolConfig().Timeout,
            };

    public static BackendProxyProtocolConfig? Render(BackendProxyProtocolSpec? spec) =>
        spec is null
            ? null
            : new BackendProxyProtocolConfig
            {
                Version = Enum.Parse<ProxyProtocolVersion>(spec.Version),
                Tlvs = [.. (spec.Tlvs ?? []).Select(Enum.Parse<ProxyProtocolTlv>)],
            };
}
