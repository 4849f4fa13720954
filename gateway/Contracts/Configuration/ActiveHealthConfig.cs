using System.Text.Json.Serialization;

namespace Mooring.Contracts.Configuration;

/// <summary>How an endpoint is asked whether it is well.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<HealthCheckType>))]
public enum HealthCheckType
{
    /// <summary>A connect; with <see cref="ActiveHealthConfig.Send"/> or <see cref="ActiveHealthConfig.Expect"/>, an exchange of bytes.</summary>
    TCP,

    /// <summary>A GET over HTTP/1.1 whose status must be one of those expected.</summary>
    HTTP,

    /// <summary>
    /// As HTTP over TLS. Where the backend has TLS, the certificate is verified as its connections verify it; else any is taken, as kubelet's
    /// probes do.
    /// </summary>
    HTTPS,
}

/// <summary>Checks of each endpoint that the gateway makes by itself: HAProxy's <c>check</c>, <c>inter</c>, <c>rise</c> and <c>fall</c>.</summary>
public sealed record ActiveHealthConfig
{
    public HealthCheckType Type { get; set; } = HealthCheckType.TCP;

    /// <summary>Time from one check's start to the next one's. Default 5 s.</summary>
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Each interval is longer or shorter by up to this share, at random. 0 to 50; default 10.</summary>
    public int JitterPercent { get; set; } = 10;

    /// <summary>A check that takes longer has failed. Default 2 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Passed checks in a row that bring an endpoint back. 1 to 100; default 2.</summary>
    public int Rise { get; set; } = 2;

    /// <summary>Failed checks in a row that put an endpoint out. 1 to 100; default 3.</summary>
    public int Fall { get; set; } = 3;

    /// <summary>Port to check. 0: the endpoint's own, which is for backends that not only UDP listeners use.</summary>
    public int Port { get; init; }

    /// <summary>Of HTTP and HTTPS: path and query. Default <c>/</c>.</summary>
    public string Path { get; set; } = "/";

    /// <summary>Of HTTP and HTTPS: the Host header, and the server name in TLS where the backend's TLS has none. Null: the endpoint's address.</summary>
    public string? Host { get; init; }

    /// <summary>Of HTTP and HTTPS: statuses such as <c>200</c> or <c>200-399</c> that pass. At most 16; default 200-399.</summary>
    public IReadOnlyList<string> ExpectedStatuses { get; set; } = ["200-399"];

    /// <summary>Of TCP: what is sent once connected. UTF-8 with the escapes <c>\r \n \t \0 \\ \xHH</c>. At most 1024 characters.</summary>
    public string? Send { get; init; }

    /// <summary>Of TCP: bytes that must come within the first 4096 of the answer; same form as <see cref="Send"/>.</summary>
    public string? Expect { get; init; }
}
