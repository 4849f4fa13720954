using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Configuration;

/// <summary>Checks an <see cref="OtlpConfig"/>.</summary>
internal static class OtlpCompiler
{
    public static void Check(OtlpConfig? config, ErrorList errors)
    {
        if (
            config is not null
            && (
                config.Endpoint.Length > OtlpConfig.MaxEndpoint
                || !Uri.TryCreate(config.Endpoint, UriKind.Absolute, out var endpoint)
                || endpoint.Scheme is not ("http" or "https")
                || endpoint.UserInfo.Length + endpoint.Query.Length + endpoint.Fragment.Length > 0
            )
        )
        {
            errors.Add(
                "otlp.endpoint",
                $"must be an http or https URL of at most {OtlpConfig.MaxEndpoint} characters, without user, query and fragment"
            );
        }
    }
}
