using FluentValidation;
using Mooring.Contracts.Text;

namespace Mooring.Operator.Validation;

/// <summary>Names and URLs as the gateways read them: with what the patterns of the schema let through, no gateway would start.</summary>
internal static class NameRules
{
    /// <summary>A host name and no address, with <c>*.</c> in front where the pattern allows it.</summary>
    public static IRuleBuilderOptions<T, string?> MustBeDnsName<T>(this IRuleBuilder<T, string?> rule) =>
        rule.Must(static name => string.IsNullOrEmpty(name) || HostNames.IsPattern(name))
            .WithMessage("must be a host name of at most 253 characters, not an address");

    /// <summary>A host name or an address; what follows <c>*.</c> is a host name.</summary>
    public static IRuleBuilderOptions<T, string?> MustBeHostOrNamesBelow<T>(this IRuleBuilder<T, string?> rule) =>
        rule.Must(static name => string.IsNullOrEmpty(name) || HostNames.IsPattern(name) || HostNames.IsAddress(name))
            .WithMessage("must be a host name of at most 253 characters or an address; behind '*.', a host name");

    /// <summary>A host name without a wildcard, or an address.</summary>
    public static IRuleBuilderOptions<T, string?> MustBeHost<T>(this IRuleBuilder<T, string?> rule) =>
        rule.Must(static name => string.IsNullOrEmpty(name) || Uri.CheckHostName(name) != UriHostNameType.Unknown)
            .WithMessage("must be a host name or an IP address, without a port");

    /// <summary>A URL: its port is one.</summary>
    public static IRuleBuilderOptions<T, string?> MustBeHttpUrl<T>(this IRuleBuilder<T, string?> rule) =>
        rule.Must(static url =>
                string.IsNullOrEmpty(url) || (Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.UserInfo.Length == 0)
            )
            .WithMessage("must be an http or https URL without user and password, its port 1 to 65535");

    /// <summary>An origin as browsers send it, or a pattern.</summary>
    public static IRuleBuilderOptions<T, string?> MustBeOrigin<T>(this IRuleBuilder<T, string?> rule) =>
        rule.Must(static origin => string.IsNullOrEmpty(origin) || Origins.IsPattern(origin))
            .WithMessage($"must be {Origins.Meaning}, its port 1 to 65535");
}
