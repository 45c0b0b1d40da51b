SELECT InstanceType, Region, coalesce(AZ, '') AS AZ, SpotPrice, OndemandPrice, SPS, "IF", Savings,
       strftime($slot, '%Y-%m-%d %H:%M:%S') AS Time
FROM price
FULL JOIN sps USING (InstanceType, Region, AZ)
FULL JOIN advice USING (InstanceType, Region)
