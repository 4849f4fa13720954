using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Registry.Redis;

namespace Mooring.Gateway.Registry;

/// <summary>The registry as the variables <c>REDIS_…</c> give it, for a gateway that is run by hand. Pure.</summary>
/// <param name="Redis">Null: they name none.</param>
/// <param name="Password">For it, or for the config's where that has no password of its own; null: none.</param>
internal sealed record RegistryEnvironment(RedisSettings? Redis, string? Password)
{
    public static readonly RegistryEnvironment None = new(null, null);

    /// <summary>Reads them; on any error there is a line for each.</summary>
    /// <param name="get">A variable's value; null or empty: not set.</param>
    public static (RegistryEnvironment Environment, IReadOnlyList<string> Errors) Read(Func<string, string?> get)
    {
        var errors = new ErrorList();
        if (Value("REDIS_USERNAME") is not null)
        {
            errors.Add(
                "REDIS_USERNAME",
                "users of an ACL are not supported by this version's Redis client; use the default user's password"
            );
        }

        var password = Value("REDIS_PASSWORD");
        var file = Value("REDIS_PASSWORD_FILE");
        if (password is not null && file is not null)
        {
            errors.Add("REDIS_PASSWORD_FILE", "cannot be together with REDIS_PASSWORD");
        }

        RedisSettings? settings = null;
        if (Value("REDIS_ADDRESSES") is { } addresses)
        {
            var config = new RedisConfig
            {
                Addresses = addresses.Split(',', StringSplitOptions.TrimEntries),
                SentinelMaster = Value("REDIS_SENTINEL_MASTER"),
                Cluster = Flag("REDIS_CLUSTER"),
                PasswordFile = file,
                Tls = Flag("REDIS_TLS")
                    ? new RedisTlsConfig { CaFile = Value("REDIS_CA_FILE"), ServerName = Value("REDIS_SERVER_NAME") }
                    : null,
            };
            settings = RegistryCompiler.Compile(config, "REDIS_ADDRESSES ", errors);
            settings = settings is null ? null : settings with { Password = password };
        }

        return errors.Count > 0 ? (None, errors.ToList()) : (new RegistryEnvironment(settings, password), []);

        string? Value(string name) => get(name) is { Length: > 0 } value ? value : null;

        bool Flag(string name)
        {
            var value = Value(name);
            if (value is not (null or "true" or "false" or "1" or "0"))
            {
                errors.Add(name, "must be true or false");
            }

            return value is "true" or "1";
        }
    }
}
