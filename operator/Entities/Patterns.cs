namespace Mooring.Operator.Entities;

/// <summary>Forms of the texts in a manifest, and the words that name them in an error.</summary>
public static class Patterns
{
    public const string DnsLabel = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
    public const string DnsLabelMeaning = "a DNS label: lower-case letters, digits and '-', beginning and ending with a letter or digit";

    public const string DnsSubdomain = @"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
    public const string DnsSubdomainMeaning =
        "a DNS name: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit";

    public const string Duration = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";
    public const string DurationMeaning = "a duration such as 10s, 1h30m or 250ms";

    // Host name, IPv4 or bracketed IPv6, then a port of 1 to 65535. Whether what is in brackets is IPv6 is for a rule to say.
    public const string HostPort =
        @"^(\[[0-9a-fA-F:.]{2,45}\]|([A-Za-z0-9][-A-Za-z0-9]{0,62}\.)*[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?)"
        + ":([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$";

    public const string HostPortMeaning = "host:port with a port of 1 to 65535, an IPv6 host in brackets";

    // An address or a network; whether it is a right one is for code to say.
    public const string Cidr = @"^([0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?|[0-9a-fA-F:.]{2,45}(/[0-9]{1,3})?)$";
    public const string CidrMeaning = "an address or a network such as 10.0.0.0/8 or fd00::/8";

    public const string HostName = @"^(\*\.)?[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)*$";
    public const string HostNameMeaning = "a host name without a port, such as app.example.com or *.example.com";

    public const string UrlPath = @"^/[-A-Za-z0-9._~!$&'()*+,;=:@%/]*$";
    public const string UrlPathMeaning = "a path that begins with '/', without query";

    // What no path may have that a gateway serves (its PathNormalizer): dot segments (also behind an encoded slash, or with parameters), %00 and %5C, percent signs without two hex digits.
    public const string UnservedPath =
        "(/|%2[fF])([.]|%2[eE]){1,2}([/;]|%2[fF]|%3[bB]|$)|%(00|5[cC])|%([^0-9A-Fa-f]|$)|%[0-9A-Fa-f]([^0-9A-Fa-f]|$)";
    public const string UnservedPathMessage =
        "must have no segment '.' or '..', no %00 or %5C, and no '%' without two hex digits: no request with such a path is served";

    public const string HttpUrl = @"^https?://[^/?#@\s]+([/?#]\S*)?$";
    public const string HttpUrlMeaning = "an http or https URL without user and password";

    public const string CollectorUrl =
        @"^https?://(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?)(:[1-9][0-9]{0,4})?(/[-A-Za-z0-9._~/%]*)?$";
    public const string CollectorUrlMeaning = "an http or https URL without user, query and fragment";

    public const string HubNamespace = "^[-a-z0-9]*$";
    public const string HubNamespaceMeaning = "lower-case letters, digits and '-', or empty";

    public const string UrlTarget = @"^/[-A-Za-z0-9._~!$&'()*+,;=:@%/?]*$";
    public const string UrlTargetMeaning = "a path that begins with '/', with a query if need be";

    public const string HostOptionalPort =
        @"^[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)*(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?$";

    public const string HostOptionalPortMeaning = "a host name, with a port if need be";

    public const string StatusRange = "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$";
    public const string StatusRangeMeaning = "a status such as 200, or a range of them such as 200-399";

    public const string Escaped = @"^([^\\]|\\[rnt0\\]|\\x[0-9A-Fa-f]{2})+$";
    public const string EscapedMeaning = @"a text whose backslashes begin \r, \n, \t, \0, \\ or \xHH";

    public const string HttpToken = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";
    public const string HttpTokenMeaning = "a token (letters, digits and !#$%&'*+-.^_`|~)";

    public const string Origin =
        @"^[A-Za-z][-A-Za-z0-9+.]*://(\*\.)?(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9]([-A-Za-z0-9._]{0,251}[A-Za-z0-9])?)(:[1-9][0-9]{0,4})?$";
    public const string OriginMeaning = "an origin such as https://example.com, https://*.example.com or http://localhost:3000";

    public const string CookieName = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";
    public const string CookieNameMeaning = "a cookie name (letters, digits and !#$%&'*+-.^_`|~)";

    public const string CookiePath = "^/[ -:<-~]*$";
    public const string CookiePathMeaning = "a path that begins with '/', without ';'";

    public const string SecretName = "^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$";
    public const string SecretNameMeaning =
        "a Secret's name: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit";

    public const string SecretKey = "^[A-Za-z0-9_][-A-Za-z0-9_.]*$";
    public const string SecretKeyMeaning = "a key: letters, digits, '-', '_' and '.', not beginning with '-' or '.'";

    public const string HostNameOrAddress = "^[A-Za-z0-9:]([-A-Za-z0-9.:]{0,251}[A-Za-z0-9])?$";
    public const string HostNameOrAddressMeaning = "a host name or an IP address, without a port";

    public const string EnvName = "^[A-Za-z_][A-Za-z0-9_]*$";
    public const string EnvNameMeaning = "a variable's name: letters, digits and '_', not beginning with a digit";

    public const string Image = @"^[^\s]+$";
    public const string ImageMeaning = "an image reference without blanks";

    public const string QualifiedName = "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
    public const string QualifiedNameMeaning = "a key such as topology.kubernetes.io/zone";

    public const string TimeOfDay = "^([01][0-9]|2[0-3]):[0-5][0-9]$";
    public const string TimeOfDayMeaning = "a time of day such as 08:00";

    /// <summary>Longest text of a duration: four parts of five digits and a unit.</summary>
    public const int DurationLength = 28;
}
